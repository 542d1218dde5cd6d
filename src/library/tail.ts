/** The last of what was written to a pipe, by processes that have ended. */

/** So many characters are told of it. */
const TAIL = 2048;
/** Somebody may have left a process that holds the pipe open, or goes on writing to it; milliseconds. */
const PATIENCE = 50;

/** Reads what is there; the stream is used up. */
export async function readTail(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let tail = "";
  const timeout = Promise.withResolvers<undefined>();
  const timer = setTimeout(timeout.resolve, PATIENCE);
  for (const end = performance.now() + PATIENCE; performance.now() < end; ) {
    const part = await Promise.race([reader.read(), timeout.promise]);
    if (part?.value === undefined) break;
    tail = (tail + decoder.decode(part.value, { stream: true })).slice(-TAIL);
  }
  clearTimeout(timer);
  await reader.cancel();
  return tail;
}
