/**
 * Credential helpers: programs `docker-credential-NAME` that keep credentials elsewhere than in a file.
 * The verb is an argument, the server or the credentials come on stdin. @see docker-credential-helpers README
 */
import { spawn } from "node:child_process";
import { RuntError } from "../../../errors.ts";
import { oneLine } from "../../../spec/distribution/errors.ts";
import { text } from "../../../spec/runtime/leaves.ts";
import { defaulted, object, Refusal, read } from "../../../spec/runtime/schema.ts";
import { type Credential, credentialOf } from "./credential.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A helper may ask the user for the key of a wallet, so it gets a while. */
const TIMEOUT_MS = 60_000;
const LONGEST_ANSWER = 1024 * 1024;

/** What every helper says for a server that it does not know. */
const NOT_FOUND = "credentials not found in native keychain";

const Answer = object(() => ({ Username: defaulted(text, () => ""), Secret: defaulted(text, () => "") }));

function failure(
  kind: "FailedPrecondition" | "InvalidArgument",
  program: string,
  why: string,
  cause?: unknown,
): RuntError {
  const site = {
    operation: "login",
    subject: program,
    hint: "it is named by credsStore or credHelpers in docker's config.json",
  };
  return new RuntError(kind, `credential helper ${program}: ${why}`, site, cause);
}

/** Runs a helper; gives its exit code and what it wrote to stdout, which holds its complaints too. */
async function run(
  helper: string,
  verb: "get" | "store" | "erase",
  input: string,
  environment: Environment,
): Promise<{ code: number; output: string }> {
  const program = `docker-credential-${helper}`;
  if (!/^[\w.-]+$/.test(helper))
    throw failure("InvalidArgument", program, "its name has characters of a path");
  return await new Promise((resolve, reject) => {
    const child = spawn(program, [verb], {
      env: environment as NodeJS.ProcessEnv,
      stdio: ["pipe", "pipe", "ignore"],
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    let output = "";
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (chunk: string) => {
      output += chunk;
      if (output.length > LONGEST_ANSWER) child.kill("SIGKILL");
    });
    // A helper that ends without reading is judged by its exit code.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.on("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "ENOENT" ? "not found in PATH" : `cannot be run: ${cause.code}`;
      reject(failure("FailedPrecondition", program, why, cause));
    });
    child.on("close", (code, signal) => {
      if (code === null) reject(failure("FailedPrecondition", program, `ended by ${signal}`));
      else resolve({ code, output: output.trim() });
    });
  });
}

/**
 * What the helper has for `server`; undefined where it has nothing.
 * @throws {RuntError} FailedPrecondition where the helper is missing or fails
 */
export async function getFromHelper(
  helper: string,
  server: string,
  environment: Environment,
): Promise<Credential | undefined> {
  const { code, output } = await run(helper, "get", server, environment);
  if (output.toLowerCase().includes(NOT_FOUND)) return undefined;
  if (code !== 0)
    throw failure(
      "FailedPrecondition",
      `docker-credential-${helper}`,
      oneLine(output) || `exited with ${code}`,
    );
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch (cause) {
    throw failure("FailedPrecondition", `docker-credential-${helper}`, "its answer is not JSON", cause);
  }
  const answer = read(Answer, value);
  if (answer instanceof Refusal)
    throw failure(
      "FailedPrecondition",
      `docker-credential-${helper}`,
      "its answer has not the form it should have",
    );
  return credentialOf(answer.Username, answer.Secret);
}

/**
 * Gives the helper credentials to keep.
 * @throws {RuntError} FailedPrecondition where the helper is missing or fails
 */
export async function storeInHelper(
  helper: string,
  entry: { readonly ServerURL: string; readonly Username: string; readonly Secret: string },
  environment: Environment,
): Promise<void> {
  const { code, output } = await run(helper, "store", JSON.stringify(entry), environment);
  if (code !== 0)
    throw failure(
      "FailedPrecondition",
      `docker-credential-${helper}`,
      oneLine(output) || `exited with ${code}`,
    );
}

/**
 * Has the helper forget a server.
 * @returns whether it knew the server
 * @throws {RuntError} FailedPrecondition where the helper is missing or fails
 */
export async function eraseFromHelper(
  helper: string,
  server: string,
  environment: Environment,
): Promise<boolean> {
  const { code, output } = await run(helper, "erase", server, environment);
  if (code === 0) return true;
  if (output.toLowerCase().includes(NOT_FOUND)) return false;
  throw failure(
    "FailedPrecondition",
    `docker-credential-${helper}`,
    oneLine(output) || `exited with ${code}`,
  );
}
