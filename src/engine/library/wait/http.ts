/** Ready when a request is answered as it should be. */
import { request as http } from "node:http";
import { request as https } from "node:https";
import { RuntError } from "../../../errors.ts";
import { poll } from "./poll.ts";
import { WaitStrategy, type WaitTarget } from "./strategy.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
}

export class HttpStrategy extends WaitStrategy {
  readonly #path: string;
  readonly #port: number;
  #method = "GET";
  #headers: Record<string, string> = {};
  #tls: "none" | "verified" | "any" = "none";
  #matches: (status: number) => boolean = (status) => status >= 200 && status < 400;
  #accepts: (body: string) => boolean = () => true;
  #expected = "";
  #last = "";

  /** @param port of the container; published, or reached at its own address */
  constructor(path: string, port: number) {
    super();
    this.#path = path;
    this.#port = port;
  }

  get what(): string {
    const last = this.#last ? `; the last answer was ${this.#last}` : "; nobody has answered";
    return `an answer${this.#expected} to ${this.#method} ${this.#path} at port ${this.#port}${last}`;
  }

  forStatusCode(status: number): this {
    this.#expected = ` with status ${status}`;
    return this.forStatusCodeMatching((code) => code === status);
  }

  /** By default 200 to 399. */
  forStatusCodeMatching(matches: (status: number) => boolean): this {
    this.#matches = matches;
    return this;
  }

  forResponsePredicate(accepts: (body: string) => boolean): this {
    this.#accepts = accepts;
    return this;
  }

  withMethod(method: string): this {
    this.#method = method;
    return this;
  }

  withHeaders(headers: Readonly<Record<string, string>>): this {
    this.#headers = { ...headers };
    return this;
  }

  withBasicCredentials(user: string, password: string): this {
    this.#headers.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    return this;
  }

  /** @param certificates "any": also one that nobody vouches for */
  usingTls(certificates: "verified" | "any" = "verified"): this {
    this.#tls = certificates;
    return this;
  }

  async until({ container, inspect, signal }: WaitTarget): Promise<void> {
    const { host, port } = await this.#place(container.name, inspect);
    await poll(signal, async () => {
      const answer = await this.#ask(host, port, signal);
      if (!answer) return false;
      this.#last = String(answer.status);
      return this.#matches(answer.status) && this.#accepts(answer.body);
    });
  }

  async #place(name: string, { NetworkSettings, HostConfig }: WaitTarget["inspect"]) {
    const [binding] = NetworkSettings.Ports[`${this.#port}/tcp`] ?? [];
    if (binding) {
      const { HostIp, HostPort } = binding;
      const host = HostIp === "" || HostIp === "0.0.0.0" ? "127.0.0.1" : HostIp === "::" ? "::1" : HostIp;
      return { host, port: Number(HostPort) };
    }
    if (HostConfig.NetworkMode === "host") return { host: "127.0.0.1", port: this.#port };
    if (NetworkSettings.IPAddress !== "") return { host: NetworkSettings.IPAddress, port: this.#port };
    throw new RuntError(
      "InvalidArgument",
      `port ${this.#port} of container ${name} cannot be reached: it has no network`,
      {
        operation: "wait",
        subject: `container ${name}`,
      },
    );
  }

  #ask(host: string, port: number, signal: AbortSignal): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const options = {
        host,
        port,
        path: this.#path,
        method: this.#method,
        headers: this.#headers,
        // A connection that stays open would keep this program alive.
        agent: false,
        timeout: requestMs,
        signal,
        ...(this.#tls === "any" && { rejectUnauthorized: false }),
      } as const;
      const sent = (this.#tls === "none" ? http : https)(options, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          if (body.length < bodyCharacters) body += text;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        response.on("error", () => resolve(undefined));
      });
      sent.on("timeout", () => sent.destroy());
      sent.on("error", () => resolve(undefined));
      sent.on("close", () => resolve(undefined));
      sent.end();
    });
  }
}

const requestMs = 5000;
/** What is looked at of an answer. */
const bodyCharacters = 1 << 20;
