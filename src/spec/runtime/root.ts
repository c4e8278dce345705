/** The `root` section of config.json: the directory that becomes "/". @see runtime-spec 1.3 config.md#root */
import { flag, nonEmptyText } from "./leaves.ts";
import { type Infer, object } from "./schema.ts";

export const Root = object(() => ({
  /** Directory of the root file system; a relative one is read from the bundle. */
  path: nonEmptyText,
  readonly: flag,
}));
export type Root = Infer<typeof Root>;
