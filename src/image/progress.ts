/** What long operations on images tell while they run; only the command line makes text of it. */
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { Digest } from "../spec/image/digest.ts";

/** How far one layer is. */
export type LayerStatus =
  /** The store, or the registry, has it. */
  | "exists"
  | "waiting"
  | "downloading"
  /** All of it is here, its files are not all written. */
  | "extracting"
  | "pulled"
  | "uploading"
  /** The registry took it from another repository of its own. */
  | "mounted"
  | "pushed";

/** One thing that is told. */
export type ImageProgress =
  /** A name that is asked for at its registry. */
  | {
      readonly type: "trying";
      /** As the user has it. */
      readonly text: string;
      /** Full. */
      readonly name: string;
      readonly by: "itself" | "alias" | "search" | "default";
      /** The file that says that the text means this name. */
      readonly file: string | undefined;
    }
  /** What a name stands for. */
  | { readonly type: "resolved"; readonly name: string; readonly target: Descriptor }
  /** The layers to come, bottom first. */
  | { readonly type: "layers"; readonly layers: readonly Descriptor[] }
  /** A file that is fetched before it is read. */
  | {
      readonly type: "download";
      readonly name: string;
      readonly status: "downloading" | "downloaded";
      /** Bytes. */
      readonly current: number;
      /** Undefined where the server does not say. */
      readonly total: number | undefined;
    }
  /** One thing of a layer that could not be unpacked, and was left out. */
  | { readonly type: "warning"; readonly digest: Digest; readonly text: string }
  | {
      readonly type: "layer";
      readonly digest: Digest;
      readonly status: LayerStatus;
      /** Bytes of the blob. */
      readonly current: number;
      readonly total: number;
    };

/** Is told; must not throw. */
export type OnProgress = (progress: ImageProgress) => void;
