/** The `hooks` section of config.json: programs run at points of a container's life. @see runtime-spec 1.3 config.md#posix-platform-hooks */
import { absolutePath, integer, text, texts } from "./leaves.ts";
import { array, type Infer, list, object, optional } from "./schema.ts";

export const Hook = object(() => ({
  /** Program; in the runtime's namespace, except for `startContainer`. */
  path: absolutePath,
  /** As for execv(3): the first one is the name the program sees as its own. */
  args: texts,
  /** NAME=VALUE. Absent, a hook of the runtime gets an empty environment. */
  env: optional(array(text)),
  /** Seconds after which the hook is killed. */
  timeout: optional(integer(1, Number.MAX_SAFE_INTEGER)),
}));
export type Hook = Infer<typeof Hook>;

/** The names of the hooks, in the order in which they run. */
export const hookNames = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
export type HookName = (typeof hookNames)[number];

const hookList = list(Hook);

export const Hooks = object(() => ({
  /** Deprecated, still run: before `createRuntime`. */
  prestart: hookList,
  createRuntime: hookList,
  createContainer: hookList,
  startContainer: hookList,
  poststart: hookList,
  poststop: hookList,
}));
export type Hooks = Infer<typeof Hooks>;
