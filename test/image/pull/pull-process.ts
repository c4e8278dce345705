/** A process that pulls: `node pull-process.ts '{"root": …}'`. It says when it begins, and what came of it. */
import type { RuntError } from "../../../src/errors.ts";
import { ImageStore } from "../../../src/image/store.ts";
import { optionsFor } from "./fixture.ts";

/** What to pull. */
export interface PullOrder {
  readonly root: string;
  /** "127.0.0.1:5000/team/app:1". */
  readonly name: string;
  readonly certDir: string;
}

/** The last line that it prints. */
export type PullResult =
  | { readonly digest: string; readonly downloaded: readonly string[] }
  | { readonly kind: string | undefined; readonly message: string; readonly code: string | undefined };

if (import.meta.main) {
  const { root, name, certDir } = JSON.parse(process.argv[2]!) as PullOrder;
  const registry = optionsFor(name.split("/", 1)[0]!, certDir);
  const downloaded = new Set<string>();
  let result: PullResult;
  try {
    const images = await ImageStore.open(root);
    process.stdout.write("begins\n");
    const { image } = await images.pull(name, {
      registry,
      onProgress: (p) => p.type === "layer" && p.status === "downloading" && downloaded.add(p.digest),
    });
    result = { digest: image.target.digest, downloaded: [...downloaded] };
  } catch (error) {
    const { kind, message, site } = error as RuntError;
    result = { kind, message, code: site?.code };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
