// Starts the dashboard: restores the session, then mounts the pages.
import { createApp } from "vue";
import App from "./app/App.vue";
import { makeRouter } from "./app/router";
import { restoreSession } from "./app/session";
import "./styles/tokens.css";
import "./styles/base.css";

// First, so that the token leaves the address before the router reads it.
restoreSession();
window.addEventListener("hashchange", restoreSession);
createApp(App).use(makeRouter()).mount("#app");
