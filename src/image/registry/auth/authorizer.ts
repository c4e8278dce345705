/**
 * Finds the Authorization header for requests to one server: none until the server asks, then what it asks
 * for. A token is kept until it expires, and fetched once however many requests wait for it.
 */
import { type Challenge, parseChallenges } from "../../../spec/distribution/challenge.ts";
import { mergeScopes } from "../../../spec/distribution/token.ts";
import { abortable } from "../abortable.ts";
import type { Credential } from "../credentials/credential.ts";
import { failure, type Task } from "../failure.ts";
import { basicOf, type Token } from "./token.ts";

/** How a server wants to be told who is asking. */
type Scheme =
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly realm: string; readonly service: string | undefined };

/** What the authorizer needs from outside: who to be, and tokens. */
export interface AuthorizerHelp {
  credential(): Promise<Credential | undefined>;
  token(request: {
    readonly realm: string;
    readonly service: string | undefined;
    readonly scopes: readonly string[];
    readonly credential: Exclude<Credential, { kind: "registry-token" }> | undefined;
    readonly task: Task;
  }): Promise<Token>;
}

/** A request that was answered by 401. */
export interface Refused {
  /** Its Authorization header. */
  readonly sent: string | undefined;
  /** How often it was refused before. */
  readonly refusals: number;
  readonly scopes: readonly string[];
  readonly task: Task;
}

/** A token that is there or on its way. */
interface Kept {
  readonly token: Promise<Token>;
  /** Infinite until it is there. */
  expiresAtMs: number;
  value?: string;
}

/** Authorization at one server. */
export class Authorizer {
  readonly #help: AuthorizerHelp;
  #scheme: Scheme | undefined;
  #credential: Promise<Credential | undefined> | undefined;
  /** By scopes, as sent to the token server. */
  readonly #tokens = new Map<string, Kept>();
  /** What the server wanted beyond what was asked for: a mirror's repositories may have longer names. */
  readonly #wanted = new Map<string, readonly string[]>();

  constructor(help: AuthorizerHelp) {
    this.#help = help;
  }

  /**
   * The header for a request that needs `scopes`; undefined where the server has not asked, or nobody is known
   * to it.
   * @throws {RuntError} as the token server or a credential helper does; the signal's reason
   */
  async header(
    scopes: readonly string[],
    task: Task,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const scheme = this.#scheme;
    if (scheme === undefined) return undefined;
    const credential = await abortable(signal, this.#who());
    if (credential?.kind === "registry-token") return `Bearer ${credential.token}`;
    if (scheme.kind === "basic") return basicOf(credential);
    const { value } = await abortable(signal, this.#token(scheme, this.#all(scopes), credential, task));
    return `Bearer ${value}`;
  }

  /**
   * Learns from a 401.
   * @param headers every WWW-Authenticate
   * @returns whether the request is worth sending again
   * @throws {RuntError} Unimplemented where the server wants a proof that runt does not know
   */
  challenged({ sent, refusals, scopes, task }: Refused, headers: readonly string[]): boolean {
    const challenges = headers.flatMap(parseChallenges);
    const bearer = challenges.find(
      ({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"),
    );
    const basic = challenges.find(({ scheme }) => scheme === "basic");
    if (bearer !== undefined) return this.#learnBearer(bearer, { sent, refusals, scopes });
    if (basic !== undefined) {
      this.#scheme = { kind: "basic" };
      return sent === undefined;
    }
    const offered = challenges.map(({ scheme }) => scheme).join(", ");
    if (offered === "") return false;
    throw failure(
      "Unimplemented",
      task,
      `${task.domain} wants authentication by ${offered}; runt knows bearer and basic`,
    );
  }

  #learnBearer({ parameters }: Challenge, { sent, refusals, scopes }: Omit<Refused, "task">): boolean {
    const key = mergeScopes(scopes).join(" ");
    const before = this.#all(scopes).join(" ");
    const wanted = (parameters.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
    this.#wanted.set(key, wanted);
    const all = this.#all(scopes).join(" ");
    const realm = parameters.get("realm")!;
    const known = this.#scheme?.kind === "bearer" && this.#scheme.realm === realm;
    this.#scheme = { kind: "bearer", realm, service: parameters.get("service") };
    if (sent === undefined || !known || all !== before) return true;
    if (refusals > 0) return false;
    // It may have ended before its time. Another request may have got a new one already.
    if (this.#tokens.get(all)?.value === sent.replace(/^Bearer /, "")) this.#tokens.delete(all);
    return true;
  }

  #all(scopes: readonly string[]): string[] {
    const asked = mergeScopes(scopes);
    return mergeScopes([...asked, ...(this.#wanted.get(asked.join(" ")) ?? [])]);
  }

  #who(): Promise<Credential | undefined> {
    this.#credential ??= this.#help.credential();
    return this.#credential;
  }

  #token(
    { realm, service }: Extract<Scheme, { kind: "bearer" }>,
    scopes: readonly string[],
    credential: Exclude<Credential, { kind: "registry-token" }> | undefined,
    task: Task,
  ): Promise<Token> {
    const key = scopes.join(" ");
    const kept = this.#tokens.get(key);
    if (kept !== undefined && kept.expiresAtMs > performance.now()) return kept.token;
    const fresh: Kept = {
      token: this.#help.token({ realm, service, scopes, credential, task }),
      expiresAtMs: Infinity,
    };
    this.#tokens.set(key, fresh);
    fresh.token.then(
      ({ value, expiresAtMs }) => Object.assign(fresh, { value, expiresAtMs }),
      // Those who wait get this failure; who comes later may have better luck.
      () => this.#tokens.get(key) === fresh && this.#tokens.delete(key),
    );
    return fresh.token;
  }
}
