/** What is said of a layer, in docker's words. */
import type { LayerStatus } from "../../image/progress.ts";

export const statusTexts: Readonly<Record<LayerStatus, string>> = {
  exists: "Already exists",
  waiting: "Waiting",
  downloading: "Downloading",
  extracting: "Extracting",
  pulled: "Pull complete",
  uploading: "Pushing",
  mounted: "Mounted",
  pushed: "Pushed",
};

/** Nothing comes after these. */
export const finished: ReadonlySet<LayerStatus> = new Set(["exists", "pulled", "mounted", "pushed"]);
