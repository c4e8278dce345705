/** Where a blob may be had: at its own places, where its descriptor names some, and at the repository's servers. */
import { repositoryScope } from "../../spec/distribution/token.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { isNondistributable } from "../../spec/image/media-types.ts";
import type { BlobSource } from "./blob.ts";
import { connectionFailure, type Task } from "./failure.ts";
import { systemTls } from "./host.ts";
import type { Patience } from "./options.ts";
import { persist } from "./retry.ts";
import { ATTEMPTS_BEFORE_NEXT } from "./servers.ts";
import type { Session } from "./session.ts";
import type { Transport } from "./transport.ts";

/** What is asked for, and for whom. */
export interface BlobQuery {
  readonly descriptor: Descriptor;
  readonly task: Task;
  readonly signal: AbortSignal | undefined;
}

/** A server of the repository as a source. */
export function serverSource(session: Session, attempts: number | undefined, query: BlobQuery): BlobSource {
  const { descriptor, task, signal } = query;
  const { path } = session;
  const scopes = [repositoryScope(path, "pull")];
  const target = `${path}/blobs/${descriptor.digest}`;
  return {
    name: session.host.base.host,
    get: (headers) => session.request({ method: "GET", target, headers, scopes, task, attempts, signal }),
  };
}

/** The places of a layer that a registry may not pass on; there we are nobody in particular. */
export function foreignSources(query: BlobQuery, transport: Transport, patience: Patience): BlobSource[] {
  const { descriptor, task, signal } = query;
  const places = isNondistributable(descriptor.mediaType) ? (descriptor.urls ?? []) : [];
  return places.flatMap((place) => {
    const url = URL.parse(place);
    if (url === null || !/^https?:$/.test(url.protocol)) return [];
    const get: BlobSource["get"] = async (headers) => {
      const send = () => transport.send({ method: "GET", url, headers, tls: systemTls, signal });
      try {
        return await persist(send, ATTEMPTS_BEFORE_NEXT, patience, signal);
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        throw connectionFailure(error, task, url.host);
      }
    };
    return [{ name: url.host, get }];
  });
}
