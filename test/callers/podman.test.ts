import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { missing } from "../support/needs.ts";
import { describeDockerLike } from "./support/docker-like.ts";
import { makeImage } from "./support/image.ts";
import { Room } from "./support/room.ts";
import { runtimePath } from "./support/runtime.ts";

describeDockerLike("podman", ["program:podman", "program:conmon"], async () => {
  const room = await Room.open();
  const program = [
    "podman",
    `--conmon=${conmonWithNotes(room.directory)}`,
    ...["root", "runroot", "tmpdir"].map((name) => `--${name}=${join(room.directory, name)}`),
    "--storage-driver=vfs",
    // With none, podman 4.3 forgets the exit status of a container that --rm has taken away.
    "--events-backend=file",
    `--cgroup-manager=${room.driver}`,
    `--runtime=${runtimePath(room.directory)}`,
  ];
  await room.ok([...program, "load", "--input", makeImage(room.directory)]);
  // podman raises these two limits above the hard ones, which not every root may.
  const ulimits = missing("CAP_SYS_RESOURCE")
    ? ["nofile", "nproc"].map((name) => `--ulimit=${name}=1000:1000`)
    : [];
  // Without being asked it limits the number of processes.
  const pids = missing("pids controller") ? ["--pids-limit=-1"] : [];
  const flags = ["--network=none", `--cgroup-parent=${room.cgroupParent}`, ...ulimits, ...pids];
  return { room, program, flags, execNotFound: 127, appArmorProfile: /^containers-default-.* \(enforce\)/ };
});

/**
 * podman 4.3 looks for conmon's note of a lack of memory in the bundle, and conmon 2.1.6 writes it elsewhere unless it
 * is told, with any runtime.
 */
function conmonWithNotes(directory: string): string {
  const path = join(directory, "conmon");
  // Not for exec, whose exit status podman then does not find.
  const script = `#!/bin/sh
for argument; do
  case $argument in -e | --exec) exec conmon "$@" ;; esac
  [ "$option" != -b ] || bundle=$argument
  option=$argument
done
exec conmon \${bundle:+--persist-dir "$bundle"} "$@"
`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}
