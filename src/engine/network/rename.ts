/** Another name for a container that runs: from now on the others find it by that one. */
import { locked, type NetworkContext } from "./context.ts";
import { findDefinition } from "./definitions.ts";
import { Members } from "./members.ts";
import { readRecord, writeRecord } from "./record.ts";
import { shortId } from "./setup.ts";

/** Its aliases it keeps. One that is on no network is left as it is. */
export async function renameOnNetworks(
  context: NetworkContext,
  id: string,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  await locked(context, signal, () => {
    const { root, definitions } = context;
    const record = readRecord(root, id);
    if (!record) return;
    const names = [name, shortId(id)];
    writeRecord(root, { ...record, names });
    for (const { networkId, aliases } of record.attachments) {
      const network = findDefinition(definitions, networkId, "rename");
      const members = Members.read(root, network.name);
      const member = members.find(id);
      if (!member) continue;
      members.put({ ...member, names: [...new Set([...names, ...aliases])] });
      members.write(root, network);
    }
  });
}
