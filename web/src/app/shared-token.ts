// Hands the token to a tab that was opened from this one: by Ctrl-click, middle click or "Open in new
// tab". The address of a link has no token, and sessionStorage is not copied to such a tab.
//
// A BroadcastChannel reaches the tabs of this origin in this browser only; they could all read the
// token of the tab that opened them in any case.

const NAME = "cost-analytics.session";
/** How long a tab without a token listens for an answer; an open tab can be busy. */
const ANSWER_MS_MAX = 3_000;
/** How long it waits for answers of other tabs after the first one. */
const MORE_ANSWERS_MS = 40;

type Message =
  | { type: "request"; id: string }
  | { type: "token"; id: string; token: string; usedAtMs: number }
  | { type: "signed-out"; token: string };

interface Answer {
  token: string;
  usedAtMs: number;
}

export class TokenChannel {
  private readonly channel = new BroadcastChannel(NAME);
  private readonly requests = new Map<string, (answer: Answer) => void>();
  /** When the user last clicked or typed in this tab: the opener of a new tab is the latest. */
  private usedAtMs = 0;

  /** `token` returns this tab's token; `onSignOut` receives the token that another tab gave up. */
  constructor(
    private readonly token: () => string | null,
    private readonly onSignOut: (token: string) => void,
  ) {
    this.channel.onmessage = (event: MessageEvent<Message>) => this.receive(event.data);
  }

  noteUse(atMs = Date.now()): void {
    this.usedAtMs = atMs;
  }

  /** Returns the token of the tab that was used last, or null if no tab answers. */
  async request(): Promise<string | null> {
    const id = `${Date.now()} ${Math.random()}`;
    const answers: Answer[] = [];
    await new Promise<void>((done) => {
      setTimeout(done, ANSWER_MS_MAX);
      this.requests.set(id, (answer) => {
        answers.push(answer);
        setTimeout(done, MORE_ANSWERS_MS);
      });
      this.send({ type: "request", id });
    });
    this.requests.delete(id);
    answers.sort((a, b) => b.usedAtMs - a.usedAtMs);
    return answers[0]?.token ?? null;
  }

  announceSignOut(token: string): void {
    this.send({ type: "signed-out", token });
  }

  close(): void {
    this.channel.close();
  }

  private receive(message: Message): void {
    if (message.type === "signed-out") this.onSignOut(message.token);
    if (message.type === "token") this.requests.get(message.id)?.(message);
    const token = this.token();
    if (message.type === "request" && token)
      this.send({ type: "token", id: message.id, token, usedAtMs: this.usedAtMs });
  }

  private send(message: Message): void {
    this.channel.postMessage(message);
  }
}
