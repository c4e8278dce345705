/** runt's own runtime, in this process. */
import { deleteContainer } from "../../runtime/container/delete.ts";
import { killContainer } from "../../runtime/container/kill.ts";
import { startContainer, waitBlocking, waitOnThread } from "../../runtime/container/start.ts";
import type { EngineContext } from "../context.ts";
import { createMonitored } from "../monitor/create.ts";
import type { OciRuntime } from "./oci.ts";

export function ownRuntime({ layout, runtime }: EngineContext, id: string): OciRuntime {
  return {
    async create({ complete, ...options }) {
      const bundle = layout.container(id);
      const loaded = complete && { path: bundle, config: complete };
      const { state } = await createMonitored(runtime, id, { bundle, loaded, ...options });
      return state.init!;
    },
    start: (waiting) => startContainer(runtime, id, waiting === "blocking" ? waitBlocking : waitOnThread),
    kill: (signal) => killContainer(runtime, id, signal, { all: false }),
    delete: () => deleteContainer(runtime, id, { force: true }),
    pause: async () => (await import("../../runtime/container/pause.ts")).pauseContainer(runtime, id),
    resume: async () => (await import("../../runtime/container/pause.ts")).resumeContainer(runtime, id),
    update: async (resources) =>
      (await import("../../runtime/container/update.ts")).updateContainer(runtime, id, resources),
  };
}
