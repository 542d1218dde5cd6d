/**
 * A connection to a bus, or to a peer directly, over a unix socket. It blocks: without what hutch asks for it
 * cannot go on.
 */
import { close, read, write } from "../host/fd.ts";
import { awaitReadable, connect } from "../host/socket.ts";
import { HutchError } from "../linux/error.ts";
import type { SocketName } from "./address.ts";
import { decode, encodeCall, type Message, type MethodCall, sizeOf } from "./message.ts";
import { TypeMismatch, type Value } from "./value.ts";

/** So long is waited for one answer; the field's default, of libdbus and sd-bus. */
const PATIENCE_MS = 25_000;
/** How much is read at once, in bytes. */
const PIECE = 16_384;

/** The answer to a call: what it returns, or the name and the text of an error. */
export type Reply = { readonly body: readonly Value[] } | { readonly error: string; readonly text: string };

export interface Connection {
  /** Where it leads, for messages. */
  readonly path: string;
  /** Calls a method and waits for the answer. Throws HutchError when none comes. */
  readonly call: (call: MethodCall) => Reply;
  /** The next signal that `isWanted` takes, also one that came before; undefined when the time is up. */
  readonly awaitSignal: (isWanted: (signal: Message) => boolean, milliseconds: number) => Message | undefined;
  readonly close: () => void;
}

/** Bytes that have come, and are not taken yet. */
interface Inbox {
  bytes: Uint8Array;
}

/** Adds what comes within the time; false when nothing does. */
function receive(socket: number, path: string, inbox: Inbox, end: number): boolean {
  if (!awaitReadable(socket, Math.max(0, end - performance.now()))) return false;
  const piece = new Uint8Array(new ArrayBuffer(PIECE));
  const count = read(socket, piece, path);
  if (count === 0) throw new HutchError({ operation: `talk to ${path}`, reason: "it closed the connection" });
  const more = new Uint8Array(new ArrayBuffer(inbox.bytes.length + count));
  more.set(inbox.bytes, 0);
  more.set(piece.subarray(0, count), inbox.bytes.length);
  inbox.bytes = more;
  return true;
}

const noAnswer = (path: string, to: string): HutchError =>
  new HutchError({ operation: `talk to ${path}`, reason: `no answer to ${to} in ${PATIENCE_MS / 1000} s` });

/** One line of the authentication, without its end. */
function readLine(socket: number, path: string, inbox: Inbox, end: number): string {
  for (;;) {
    const length = inbox.bytes.indexOf(0x0a);
    if (length >= 0) {
      const line = new TextDecoder().decode(inbox.bytes.subarray(0, length));
      inbox.bytes = inbox.bytes.slice(length + 1);
      return line.trimEnd();
    }
    if (!receive(socket, path, inbox, end)) throw noAnswer(path, "AUTH");
  }
}

/**
 * Authenticates as who the kernel says we are (D-Bus Specification, "Authentication Protocol"). No user id is
 * named: in a user namespace it is another one than the peer sees.
 *
 * All lines go at once, as those of sd-bus: a BEGIN of its own, which systemd reads together with the first
 * call behind it, ends the authentication, and the call stays in systemd's memory until something else comes.
 */
function authenticate(socket: number, path: string, inbox: Inbox): void {
  const end = performance.now() + PATIENCE_MS;
  write(socket, new TextEncoder().encode("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"), path);
  let answer = readLine(socket, path, inbox, end);
  if (answer.startsWith("DATA")) answer = readLine(socket, path, inbox, end);
  if (!answer.startsWith("OK")) {
    throw new HutchError({
      operation: `authenticate to ${path}`,
      reason: `received ${JSON.stringify(answer)}`,
      hint: "it takes its own user only, and root",
    });
  }
}

/** The next whole message; undefined when none comes in time. */
function nextMessage(socket: number, path: string, inbox: Inbox, end: number): Message | undefined {
  for (;;) {
    const size = sizeOf(inbox.bytes);
    if (size === undefined || inbox.bytes.length < size) {
      if (!receive(socket, path, inbox, end)) return undefined;
      continue;
    }
    const message = decode(inbox.bytes.slice(0, size));
    inbox.bytes = inbox.bytes.slice(size);
    if (message !== undefined) return message;
  }
}

/** A value that is none of its type is a mistake of the caller's or of the peer's: told with the call. */
function named<T>(operation: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof TypeMismatch)) throw cause;
    throw new HutchError({ operation, reason: cause.message, cause });
  }
}

function textOf([text]: readonly Value[]): string {
  return typeof text === "string" ? text : "";
}

/** Connects and authenticates; on a bus the caller says Hello next. Throws HutchError. */
export function openConnection({ path, isAbstract }: SocketName): Connection {
  const socket = connect(path, isAbstract);
  const inbox: Inbox = { bytes: new Uint8Array(0) };
  const signals: Message[] = [];
  let serial = 0;
  try {
    authenticate(socket, path, inbox);
  } catch (error) {
    close(socket);
    throw error;
  }
  return {
    path,
    call: (call) =>
      named(`${call.interface}.${call.member}`, () => {
        serial += 1;
        write(socket, encodeCall(serial, call), path);
        const end = performance.now() + PATIENCE_MS;
        for (;;) {
          const message = nextMessage(socket, path, inbox, end);
          if (message === undefined) throw noAnswer(path, call.member);
          if (message.kind === "signal") signals.push(message);
          else if (message.replySerial !== serial) continue;
          else if (message.kind === "reply") return { body: message.body };
          else return { error: message.errorName ?? "", text: textOf(message.body) };
        }
      }),
    awaitSignal: (isWanted, milliseconds) =>
      named("wait for a signal of D-Bus", () => {
        const end = performance.now() + milliseconds;
        for (;;) {
          const message = signals.shift() ?? nextMessage(socket, path, inbox, end);
          if (message === undefined) return undefined;
          if (message.kind === "signal" && isWanted(message)) return message;
        }
      }),
    close: () => close(socket),
  };
}
