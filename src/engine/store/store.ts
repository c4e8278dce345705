/** What the engine remembers, table by table. */

import type { FoundImage } from "../container/image.ts";
import { Containers } from "./containers.ts";
import { Database } from "./database.ts";
import { Events } from "./events.ts";
import { FoundImages } from "./found-images.ts";
import { IdRanges } from "./id-ranges.ts";
import { Volumes } from "./volumes.ts";

export class EngineStore implements Disposable {
  readonly db: Database;
  readonly containers: Containers;
  readonly volumes: Volumes;
  readonly events: Events;
  readonly foundImages: FoundImages<FoundImage>;
  readonly idRanges: IdRanges;

  private constructor(db: Database) {
    this.db = db;
    this.containers = new Containers(db);
    this.volumes = new Volumes(db);
    this.events = new Events(db);
    this.foundImages = new FoundImages(db);
    this.idRanges = new IdRanges(db);
  }

  /** @throws {RuntError} Unavailable, FailedPrecondition: see `Database.open` */
  static open(path: string): EngineStore {
    return new EngineStore(Database.open(path));
  }

  /** Prepares what is asked when a container begins to run, and when it has ended: for who has the time just then. */
  prepareForRun(): void {
    this.containers.prepareForRun();
    this.events.prepareForRun();
  }

  /** See `Database.transaction`. */
  transaction<T>(work: () => T): T {
    return this.db.transaction(work);
  }

  [Symbol.dispose](): void {
    this.db[Symbol.dispose]();
  }
}
