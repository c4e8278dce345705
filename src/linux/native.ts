/** Where the compiled parts lie. `src/linux/` and `dist/cli/`, `dist/lib/` are equally deep on purpose. */
import { fileURLToPath } from "node:url";

/** Absolute path of a file the C build made, such as "runt-shim". */
export function nativePath(name: string): string {
  return fileURLToPath(new URL(`../../dist/native/${name}`, import.meta.url));
}
