/** Changes of a config that give it a user namespace. */
import { dev, devpts, type Json, namespaces, proc, usualNamespaces } from "../support/bundle.ts";

/** Container ids from 0 on are 100000 and up on the host; groups 200000. */
export const maps = {
  uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
  gidMappings: [{ containerID: 0, hostID: 200000, size: 65536 }],
};

export function withUserns(linux: Json = {}): Json {
  return {
    linux: { namespaces: namespaces(...usualNamespaces, "user"), ...maps, ...linux },
    mounts: [proc, dev, devpts],
  };
}
