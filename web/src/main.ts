// Starts the dashboard: who is signed in, then the pages.
import { createApp } from "vue";
import App from "./app/App.vue";
import { makeRouter } from "./app/router";
import { restoreSession } from "./app/session";
import "./styles/tokens.css";
import "./styles/base.css";

// First of all: whoever looks at the address later, the router too, finds no token in it.
restoreSession();
window.addEventListener("hashchange", restoreSession);
createApp(App).use(makeRouter()).mount("#app");
