/** `linux.namespaces` of config.json. Pure: containers that are joined come with init's pid. */
import type { NetworkPlan } from "../network-driver.ts";
import type { NamespaceRequest, Sharing } from "../request.ts";

interface Namespace {
  readonly type: string;
  readonly path?: string;
}

/** @param pidOf init of a container that is named in the request */
export function namespacesOf(
  request: NamespaceRequest,
  network: NetworkPlan["namespace"],
  pidOf: (container: string) => number,
): Namespace[] {
  const shared = (type: string, file: string, sharing: Sharing): Namespace[] => {
    if (sharing === "host") return [];
    if (sharing === "private") return [{ type }];
    return [
      { type, path: "path" in sharing ? sharing.path : `/proc/${pidOf(sharing.container)}/ns/${file}` },
    ];
  };
  const { pid, ipc, uts, cgroup, user } = request;
  return [
    ...(user === "host" ? [] : userNamespace(user, pidOf)),
    ...shared("pid", "pid", pid),
    ...(network === "host"
      ? []
      : network === "new"
        ? [{ type: "network" }]
        : [{ type: "network", path: network.path }]),
    ...shared("ipc", "ipc", ipc === "shareable" || ipc === "none" ? "private" : ipc),
    ...(uts === "private" ? [{ type: "uts" }] : []),
    { type: "mount" },
    ...(cgroup === "private" ? [{ type: "cgroup" }] : []),
  ];
}

function userNamespace(
  user: Exclude<NamespaceRequest["user"], "host">,
  pidOf: (container: string) => number,
): Namespace[] {
  if (typeof user === "object" && "path" in user) return [{ type: "user", path: user.path }];
  if (typeof user === "object" && "container" in user) {
    return [{ type: "user", path: `/proc/${pidOf(user.container)}/ns/user` }];
  }
  return [{ type: "user" }];
}
