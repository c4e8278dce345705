/** How a shell says that a container could not be started: 127 not found, 126 cannot be executed, 125 anything else. */
import type { RuntError } from "../errors.ts";

export function exitCodeOf({ site }: RuntError): 125 | 126 | 127 {
  if (site.syscall !== "execve" && site.syscall !== "exec") return 125;
  return site.code === "ENOENT" ? 127 : 126;
}
