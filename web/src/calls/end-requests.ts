// The requests that end a call; beside the page of a call, so that other pages do not load them.
import * as costs from "cost-analytics-client";
import type { CallCommand } from "../api/bodies";
import { api } from "../api/client";

/** Requests the end of a call; while one is under way, that one is returned. */
export const endCall = (callId: string): Promise<CallCommand> =>
  costs.endCall(api, { callId, body: {} });

/** A call's commands, the newest first. */
export const loadCallCommands = async (
  callId: string,
  signal: AbortSignal,
): Promise<CallCommand[]> => (await costs.listCallCommands(api, { callId }, { signal })).commands;
