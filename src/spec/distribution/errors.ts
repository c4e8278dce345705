/** What a registry says when it refuses: the error document, and one safe line of it. @see distribution-spec spec.md#error-codes */
import { optionalText } from "../runtime/leaves.ts";
import { type Infer, leaf, list, object, optional, Refusal, read } from "../runtime/schema.ts";

/** The body of a refusal. Token servers write `details` or OAuth's pair instead. */
export const ErrorDocument = object(() => ({
  errors: list(
    object(() => ({
      /** MANIFEST_UNKNOWN, DENIED, … */
      code: optionalText,
      message: optionalText,
      detail: optional(leaf((value) => value)),
    })),
  ),
  details: optionalText,
  message: optionalText,
  error: optionalText,
  error_description: optionalText,
}));
export type ErrorDocument = Infer<typeof ErrorDocument>;

/** What a refusal says. */
export interface RegistryRefusal {
  /** In capitals, as the standard lists them; "" where the body has none. */
  readonly code: string;
  /** One line for people; "" where there is nothing to show. */
  readonly message: string;
}

/** A message longer than this is cut: it is somebody else's text on our user's terminal. */
const LONGEST = 400;

/** Somebody else's text on one line, without control characters, not too long. */
export function oneLine(text: string): string {
  const plain = text
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ")
    .trim();
  return plain.length <= LONGEST ? plain : `${plain.slice(0, LONGEST - 1)}…`;
}

/** Reads the body of a refusal: JSON as the standard has it, or plain text; HTML says nothing. */
export function parseRefusal(body: string): RegistryRefusal {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { code: "", message: body.trimStart().startsWith("<") ? "" : oneLine(body) };
  }
  const document = read(ErrorDocument, value);
  if (document instanceof Refusal) return { code: "", message: oneLine(body) };
  const [first] = document.errors;
  const code = first?.code ?? document.error ?? "";
  const own = document.errors.map(({ code, message }) => message ?? code ?? "").filter((text) => text !== "");
  const message =
    own.length > 0
      ? own.join("; ")
      : (document.details ?? document.message ?? document.error_description ?? code);
  return { code: oneLine(code).toUpperCase(), message: oneLine(message) };
}
