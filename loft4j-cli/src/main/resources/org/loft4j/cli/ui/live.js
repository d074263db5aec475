/** Feeds the page from the server, for as long as it is there. */
import {Page} from "loft/page";
import {Store} from "loft/store";

/** A page that nobody looks at lets go of its connection, of which a browser has six: a seventh page would wait for ever. */
const OUT_OF_SIGHT = 2000;

/** Before a server that has let no further page in is asked again. */
const REFUSED = 5000;

const store = new Store();
const page = new Page(store);
const connection = document.getElementById("connection");
let source = null;
let letGo;
let again;

function say(text, state) {
    connection.textContent = text;
    connection.className = state;
}

function lost() {
    if (source?.readyState === EventSource.CLOSED) {
        // the browser takes a refusal for the end
        say("the server lets no further page in, as too many are open; asking again", "lost");
        again = document.hidden ? undefined : setTimeout(connect, REFUSED);
        return;
    }
    const over = store.all.length > 0 && store.all.every(run => !["running", "quiet"].includes(run.info.status));
    say(over ? "no run goes on, and the server is gone" : "the server is gone; looking for it", over ? "" : "lost");
}

function connect() {
    source = new EventSource("/events");
    for (const name of ["hello", "run", "lines", "gone"]) {
        source.addEventListener(name, event => {
            store.apply(name, JSON.parse(event.data));
            store.changed();
        });
    }
    source.addEventListener("open", () => say("live", "live"));
    source.addEventListener("error", lost);
}

document.addEventListener("visibilitychange", () => {
    clearTimeout(letGo);
    clearTimeout(again);
    if (!document.hidden && (source === null || source.readyState === EventSource.CLOSED)) {
        connect();
    } else if (document.hidden) {
        letGo = setTimeout(() => {
            source?.close();
            source = null;
        }, OUT_OF_SIGHT);
    }
});
if (!document.hidden) {
    connect();
}
page.draw();
