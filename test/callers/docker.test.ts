import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeDockerLike } from "./support/docker-like.ts";
import { makeImage } from "./support/image.ts";
import { Room } from "./support/room.ts";
import { runtimePath } from "./support/runtime.ts";

// The client of the same package as the daemon, not a newer one that may lie before it in PATH.
const client = existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";

describeDockerLike("docker", ["program:dockerd", "program:docker", "program:containerd"], async () => {
  const room = await Room.open();
  const directory = join(room.directory, "docker");
  mkdirSync(directory);
  const config = {
    "data-root": join(directory, "data"),
    pidfile: join(directory, "pid"),
    hosts: [`unix://${directory}/socket`],
    bridge: "none",
    iptables: false,
    ip6tables: false,
    "storage-driver": "vfs",
    "cgroup-parent": room.cgroupParent,
    "exec-opts": [`native.cgroupdriver=${room.driver}`],
  };
  writeFileSync(join(directory, "daemon.json"), JSON.stringify(config));
  const program = [client, "--host", config.hosts[0]!];
  const daemon = ["dockerd", "--config-file", join(directory, "daemon.json"), "--add-runtime"];
  daemon.push(`runt=${runtimePath(directory)}`);
  await room.daemon("dockerd", daemon, join(directory, "socket"), [...program, "version"]);
  await room.ok([...program, "load", "--input", makeImage(room.directory)]);
  // dockerd 20.10 says 126 with runc too; `run` tells the two apart.
  const flags = ["--runtime=runt", "--network=none"];
  return { room, program, flags, execNotFound: 126, appArmorProfile: /^docker-default \(enforce\)/ };
});
