// The requests of a call's commands; not in api/routes.ts, so that other pages do not load them.
import * as costs from "cost-analytics-client";
import type { CallCommand } from "../api/bodies";
import { api } from "../api/client";

/** Requests the end of a call; returns the command that is under way, if there is one. */
export const endCall = (callId: string): Promise<CallCommand> =>
  costs.endCall(api, { callId, body: {} });

/** A call's commands, newest first. */
export const loadCallCommands = async (
  callId: string,
  signal: AbortSignal,
): Promise<CallCommand[]> => (await costs.listCallCommands(api, { callId }, { signal })).commands;
