import { command } from "../command.ts";

export default command({
  name: "unshare",
  synopsis: "runt unshare [<command> [<argument>…]]",
  summary: "run a program, or a shell, in the user namespace that an ordinary user's images are in",
  description: [
    "Files of images and of bundles belong to users that only root of that namespace can be: there they can be looked at and deleted.",
  ],
  examples: [["runt unshare rm -r ./bundle", "remove a bundle with files of a container's users"]],
  source: "podman-unshare(1)",
  operands: ["[command…]"],
  passesThrough: true,
  options: {},
  async run(_context, argv) {
    const { RuntError } = await import("../../errors.ts");
    if (process.geteuid!() === 0) {
      throw new RuntError("FailedPrecondition", "root needs no user namespace for that", {
        operation: "unshare",
      });
    }
    const { execInUserNamespace } = await import("../../engine/ordinary-user.ts");
    const program = argv.length > 0 ? argv : [process.env.SHELL || "/bin/sh"];
    return execInUserNamespace(["/usr/bin/env", "--", ...program]);
  },
});
