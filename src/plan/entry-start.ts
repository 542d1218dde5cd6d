/** `start` without Bun: what container/start.ts does, for a container that has no hooks left. */
import { AF_UNIX, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, SUN_PATH_AT } from "../linux/socket.ts";
import { buffer, bytes, call, compute, exit, set, slot, store } from "./build.ts";
import { DIRECTORY, FILE } from "./entry-place.ts";
import { BUN } from "./entry-words.ts";
import type { Step } from "./step.ts";
import { START } from "./summary.ts";

/** struct sockaddr_un, as far as it is needed. */
const ADDRESS = buffer("address of the socket", 64);
const WORD = 8;

/** A text of at most eight bytes, and zeros, as a number. */
const word = (text: string): bigint =>
  [...new TextEncoder().encode(text)].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** The path by the descriptor of the directory, because its own may be longer than an address. */
function putAddress(): Step[] {
  const prefix = "/proc/self/fd/";
  const [end, digits] = [slot("end of the address"), slot("digits of the descriptor")];
  return [
    store(ADDRESS, 0, SUN_PATH_AT, AF_UNIX),
    store(ADDRESS, SUN_PATH_AT, WORD, word(prefix.slice(0, WORD))),
    store(ADDRESS, SUN_PATH_AT + WORD, WORD, word(prefix.slice(WORD))),
    set(end, ADDRESS),
    compute(end, end, "add", SUN_PATH_AT + prefix.length),
    { kind: "decimal", to: end, value: DIRECTORY, length: digits },
    compute(end, end, "add", digits),
    store(end, 0, WORD, word(`/${START}`)),
  ];
}

/**
 * The summary was written after the container was created, so nobody but init has the socket open. Whoever
 * removes it has started the container; init goes on once, however many tell it.
 */
export function startContainer(): Step[] {
  const why = "let the container's program begin";
  const orElse = { otherwise: BUN };
  return [
    call(why, "socket", [AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0], { into: FILE, ...orElse }),
    ...putAddress(),
    call(why, "sendto", [FILE, bytes(new Uint8Array([1])), 1, MSG_DONTWAIT, ADDRESS, ADDRESS.size], orElse),
    call(why, "unlinkat", [DIRECTORY, START, 0], orElse),
    exit(0, "the container has started"),
  ];
}
