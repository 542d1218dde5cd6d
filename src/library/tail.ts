/** The last of what was written to a pipe, by processes that have ended. */

/** So many characters are told of it. */
const TAIL = 2048;
/** Somebody may have left a process that holds the pipe open, milliseconds. */
const PATIENCE = 50;

/** Reads what is there; the stream is used up. */
export async function readTail(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let tail = "";
  for (;;) {
    const timeout = Promise.withResolvers<undefined>();
    const timer = setTimeout(timeout.resolve, PATIENCE);
    const part = await Promise.race([reader.read(), timeout.promise]);
    clearTimeout(timer);
    if (part?.value === undefined) break;
    tail = (tail + decoder.decode(part.value, { stream: true })).slice(-TAIL);
  }
  await reader.cancel();
  return tail;
}
