/** hutch start: the container's program begins. */
import { unlink } from "../host/path.ts";
import { sendTo } from "../host/socket.ts";
import { HutchError } from "../linux/error.ts";
import { type Container, requireStatus } from "./state.ts";
import { directoryOf, startSocket } from "./store.ts";

/**
 * Lets init go on, and runs the poststart hooks; `warn` hears of those that fail.
 */
export async function start(container: Container, warn: (line: string) => void): Promise<void> {
  requireStatus(container, "start", "created");
  release(container);
  const { poststart } = container.record.hooks;
  if (poststart === undefined || poststart.length === 0) return;
  const { hookContext, runHooksAndWarn } = await import("./hook.ts");
  await runHooksAndWarn("poststart", poststart, hookContext({ ...container, status: "running" }), warn);
}

/** Init goes on once, however often it is told. Who removes the socket, and only one can, has started it. */
function release({ root, id }: Container): void {
  const path = startSocket(directoryOf(root, id));
  const reached = sendTo(path, new Uint8Array([1]));
  if (reached === "reached" && unlink(path)) return;
  throw new HutchError({
    operation: `start container ${id}`,
    reason: reached === "refused" ? "container not running" : "another start was faster",
  });
}
