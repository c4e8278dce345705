/** IDs and names of containers: 64 digits, and words that can be remembered. */
import { RuntError } from "../../errors.ts";
import { randomBelow, randomHex } from "../../linux/random.ts";

/** 64 hexadecimal digits. The first twelve are a hostname, so they are not digits only. */
export function newId(): string {
  for (;;) {
    const id = randomHex(32);
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
}

/** As people see it. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

const qualities = `
amber ample apt ardent astute blithe bold brave breezy bright brisk calm candid clear clever cosy crisp deft eager early
easy elated even fair famous fleet fluent fond frank fresh gentle glad golden good graceful grand hardy hearty honest
humble jolly jovial joyful keen kind light lively loyal lucid lucky mellow merry mild modest neat nimble noble patient
placid plain plucky polite prime proud quick quiet ready rosy serene sharp shiny silent sincere sleek smart smooth snug
sober solid spry stable steady stoic sunny sure swift tidy tranquil true upbeat vivid warm wise witty zesty`;

const people = `
abel agnesi archimedes aryabhata babbage banach bardeen bartik bell bernoulli bohr boole borg brahe brown cantor carson
cerf chandrasekhar church clarke cori curie curry darwin dijkstra dirac easley edison einstein engelbart erdos euclid
euler faraday fermat fermi feynman franklin galileo galois gauss germain goedel goodall hamilton hawking heisenberg
herschel hertz hilbert hodgkin hopper hypatia jang johnson joliot kahn kalam kay keller kepler khayyam kilby knuth
kovalevskaya lalande lamarr lamport leakey leavitt leibniz liskov lovelace lumiere maxwell mcclintock mccarthy meitner
mendel mirzakhani moore morse napier nash neumann newton nightingale noether pascal pasteur perlman pike planck poincare
ptolemy raman ramanujan ritchie rubin sammet shannon stallman swartz tesla thompson torvalds turing volta wiles wilson
wozniak wright yalow yonath`;

/** A name that is probably free; after some tries with a number. */
export function inventName(attempt: number): string {
  const name = `${anyOf(qualities)}_${anyOf(people)}`;
  return attempt < 3 ? name : `${name}${randomBelow(10 ** Math.min(attempt - 1, 7))}`;
}

function anyOf(text: string): string {
  const words = text.trim().split(/\s/);
  return words[randomBelow(words.length)]!;
}

/** @throws {RuntError} InvalidArgument */
export function checkName(name: string, operation: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return;
  throw new RuntError(
    "InvalidArgument",
    `invalid container name ${JSON.stringify(name)}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, two characters at least`,
    { operation, subject: `container ${name}` },
  );
}
