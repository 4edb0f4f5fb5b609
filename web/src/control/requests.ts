// The requests of the page Control; not in api/routes.ts, so that other pages do not load them.
import * as costs from "cost-analytics-client";
import type { CommandMode, CommandModes, CommandPage, ListedCommand } from "../api/bodies";
import { api } from "../api/client";

/** A page of all commands, the newest first. */
export const loadCommands = (
  state: ListedCommand["state"] | null,
  cursor: string | null,
  signal?: AbortSignal,
): Promise<CommandPage> => costs.listCommands(api, { state, cursor }, signal && { signal });

export const loadCommandModes = (signal: AbortSignal): Promise<CommandModes> =>
  costs.getCommandMode(api, {}, { signal });

export const setCommandMode = (mode: CommandMode, reason: string): Promise<CommandModes> =>
  costs.setCommandMode(api, { body: { mode, reason } });
