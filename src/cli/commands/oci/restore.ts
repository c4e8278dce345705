import { command } from "../../command.ts";
import { criuOptions, notSupported } from "./criu.ts";
import { consoleSocket, pidFile } from "./options.ts";

export default command({
  name: "restore",
  synopsis: "runt-oci restore [options] <container-id>",
  summary: "bring a container back that checkpoint wrote (not supported yet)",
  source: "flags as in runc-restore(8)",
  operands: ["container-id"],
  options: {
    bundle: {
      type: "string",
      short: "b",
      value: "dir",
      summary: "the bundle (default is the current directory)",
    },
    consoleSocket,
    pidFile,
    detach: { type: "boolean", short: "d", summary: "leave the container running in the background" },
    noSubreaper: { type: "boolean", summary: "do not become the parent of the container's orphans" },
    noPivot: { type: "boolean", summary: "move the root mount instead of pivot_root" },
    ...criuOptions,
    lsmProfile: { type: "string", value: "type:name", summary: "security profile to restore with" },
    lsmMountContext: {
      type: "string",
      value: "context",
      summary: "security context of mounts to restore with",
    },
  },
  run: () => notSupported("restore"),
});
