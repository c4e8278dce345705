/** runt's own runtime, in this process. */
import { deleteContainer } from "../../runtime/container/delete.ts";
import { killContainer } from "../../runtime/container/kill.ts";
import { startContainer, startCreated, waitBlocking, waitOnThread } from "../../runtime/container/start.ts";
import type { Found } from "../../runtime/container/status.ts";
import type { EngineContext } from "../context.ts";
import { createMonitored } from "../monitor/create.ts";
import type { OciRuntime } from "./oci.ts";

export function ownRuntime({ layout, runtime }: EngineContext, id: string): OciRuntime {
  let created: Found | undefined;
  return {
    async create({ complete, ...options }) {
      const bundle = layout.container(id);
      const loaded = complete && { path: bundle, config: complete };
      created = await createMonitored(runtime, id, { bundle, loaded, ...options });
      return created.state.init!;
    },
    start(waiting) {
      const wait = waiting === "blocking" ? waitBlocking : waitOnThread;
      return created ? startCreated(runtime, created, wait) : startContainer(runtime, id, wait);
    },
    kill: (signal) => killContainer(runtime, id, signal, { all: false }),
    delete: () => deleteContainer(runtime, id, { force: true }),
    pause: async () => (await import("../../runtime/container/pause.ts")).pauseContainer(runtime, id),
    resume: async () => (await import("../../runtime/container/pause.ts")).resumeContainer(runtime, id),
    update: async (resources) =>
      (await import("../../runtime/container/update.ts")).updateContainer(runtime, id, resources),
  };
}
