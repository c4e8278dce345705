/** All that is compared. */
import type { Case } from "../case.ts";
import exec from "./exec.ts";
import files from "./files.ts";
import lifecycle from "./lifecycle.ts";
import lists from "./lists.ts";
import network from "./network.ts";
import run from "./run.ts";

export const cases: readonly Case[] = [...run, ...exec, ...lifecycle, ...files, ...network, ...lists];
