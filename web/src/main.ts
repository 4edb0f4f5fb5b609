// Starts the dashboard: restores the session, then mounts the pages.
import { createApp } from "vue";
import App from "./app/App.vue";
import { makeRouter } from "./app/router";
import { adoptSession, restoreSession, shareSession } from "./app/session";
import "./styles/tokens.css";
import "./styles/base.css";

// A page without a token waits this long for an open tab before it shows the sign-in form.
const TAB_WAIT_MS = 250;

shareSession();
window.addEventListener("hashchange", restoreSession);
// Before the router reads the address, so that the token leaves it.
if (!restoreSession())
  await Promise.race([adoptSession(), new Promise((resolve) => setTimeout(resolve, TAB_WAIT_MS))]);
createApp(App).use(makeRouter()).mount("#app");
