import { command } from "../../command.ts";
import { criuOptions, notSupported } from "./criu.ts";

export default command({
  name: "checkpoint",
  synopsis: "runt-oci checkpoint [options] <container-id>",
  summary: "write a running container to disk (not supported yet)",
  source: "flags as in runc-checkpoint(8)",
  operands: ["container-id"],
  options: {
    ...criuOptions,
    parentPath: { type: "string", value: "dir", summary: "earlier images, relative to --image-path" },
    leaveRunning: { type: "boolean", summary: "let the container run on" },
    tcpSkipInFlight: { type: "boolean", summary: "leave out TCP connections that are being made" },
    linkRemap: { type: "boolean", summary: "remap files that have been unlinked" },
    statusFd: {
      type: "integer",
      value: "fd",
      default: -1,
      summary: "a zero byte is written here when lazy pages are served",
    },
    pageServer: { type: "string", value: "address:port", summary: "send memory to this page server" },
    preDump: { type: "boolean", summary: "only the memory; the container runs on" },
  },
  run: () => notSupported("checkpoint"),
});
