/** The head of the page: every run with its state, how far it is, and the best it has shown. Then results and settings. */
import {duration, element, number} from "loft/format";

const STATES = {
    running: "running", quiet: "no news", finished: "finished", stopped_early: "stopped early", stopped: "stopped", diverged: "diverged", unknown: "",
};

const HEAD = ["run", "method", "state", "progress", "time", "loss", "best evaluation"];
const PROGRESS = HEAD.indexOf("progress");

function left(run) {
    const status = run.info.status;
    if (status === "running" || status === "quiet") {
        return duration(run.secondsLeft) + " left";
    }
    return duration(run.training.seconds.at(-1)) + " taken";
}

function since(time) {
    return time ? "since " + new Date(time).toLocaleString() : null;
}

/** The metric that chooses the best evaluation. */
function metric(run) {
    const named = run.about.metric_for_best ?? "loss";
    // the loss of rewards is the mean reward with a minus
    return named !== "loss" && run.metrics.includes(named) ? named : run.metrics.includes("reward") ? "reward" : "loss";
}

/** The row of a run, made once: what is being clicked or has the focus stays there while figures change. */
function row(id, store) {
    const swatch = element("button", {
        type: "button", class: "swatch", title: "show or hide", onclick: () => store.toggle(store.runs.get(id)),
    });
    const cells = HEAD.map((_, i) => element("td", i === PROGRESS ? {class: "progress"} : {}));
    cells[0].append(swatch, element("b", {title: id}));
    return element("tr", {}, ...cells);
}

function fill(made, run) {
    const share = run.totalSteps > 0 ? run.step / run.totalSteps : 0;
    const best = run.best(metric(run));
    const status = run.info.status ?? "unknown";
    made.className = run.shown ? "" : "off";
    made.dataset.run = run.name;
    made.dataset.status = status;
    const [first, method, state, progress, time, loss, evaluation] = made.children;
    const swatch = first.firstChild;
    swatch.setAttribute("aria-pressed", String(run.shown));
    swatch.setAttribute("aria-label", "show " + run.name);
    Object.assign(swatch.style, {background: run.shown ? run.colour : "transparent", borderColor: run.colour});
    first.lastChild.textContent = run.name;
    first.lastChild.title = run.name;
    method.textContent = run.about.method ?? "";
    state.title = since(run.info.last_write) ?? "";
    state.replaceChildren(element("span", {class: "state " + status}, STATES[status] ?? status));
    progress.replaceChildren(
        element("span", {class: "bar"}, element("span", {style: {width: 100 * Math.min(1, share) + "%", background: run.colour}})),
        element("span", {}, `${run.step.toLocaleString("en")} / ${run.totalSteps.toLocaleString("en")}`));
    time.textContent = left(run);
    // of rewards the loss says nothing of how far the run has come
    const reward = run.training.reward?.at(-1);
    loss.textContent = reward === undefined ? number(run.training.loss.at(-1)) : "reward " + number(reward);
    evaluation.replaceChildren(best === null ? "–" : `${metric(run)} ${number(best.value)}`,
        ...best === null ? [] : [element("small", {}, ` step ${best.step.toLocaleString("en")}`)]);
}

export function drawRuns(root, store) {
    const told = JSON.stringify(store.all.map(run => run.id));
    if (told !== root.told) {
        root.told = told;
        root.rows = new Map(store.all.map(run => [run.id, row(run.id, store)]));
        root.replaceChildren(root.rows.size === 0
            ? element("p", {class: "empty"}, "No run yet. One shows here as soon as it has written its first line of metrics.")
            : element("div", {class: "wide panel"}, element("table", {class: "runs"},
                element("thead", {}, element("tr", {}, ...HEAD.map(text => element("th", {}, text)))),
                element("tbody", {}, ...root.rows.values()))));
        root.notShown = element("p", {class: "hint", hidden: true}, element("span"), " ",
            element("button", {type: "button", class: "log", onclick: () => store.showAll()}, "show all"));
        root.append(root.notShown);
    }
    store.all.forEach(run => fill(root.rows.get(run.id), run));
    const off = store.all.length - store.shown.length;
    root.notShown.hidden = off === 0;
    root.notShown.firstChild.textContent = `${off} of ${store.all.length} runs ${off === 1 ? "is" : "are"} not shown below: the square before a name shows or hides it.`;
}

export function drawResults(root, store) {
    const runs = store.shown.filter(run => run.evaluations.length > 0);
    const names = [...new Set(runs.flatMap(run => run.metrics))];
    root.hidden = runs.length === 0;
    const told = JSON.stringify(runs.map(run => [run.id, run.number, run.name, run.evaluations.length, run.evaluations.at(-1)]));
    if (root.hidden || told === root.told) {
        return;
    }
    root.told = told;
    const cell = (run, name) => {
        const best = run.best(name);
        return element("td", {}, number(run.evaluations.at(-1)["eval_" + name]),
            best === null ? null : element("small", {}, ` best ${number(best.value)} at ${best.step.toLocaleString("en")}`));
    };
    root.replaceChildren(
        element("h2", {}, "Evaluations"),
        element("div", {class: "wide panel"}, element("table", {},
            element("thead", {}, element("tr", {}, ...["run", "step", ...names].map(text => element("th", {}, text)))),
            element("tbody", {}, ...runs.map(run => element("tr", {},
                element("td", {}, element("i", {class: "dot", style: {background: run.colour}}), run.name),
                element("td", {}, run.lastEvaluated.toLocaleString("en")),
                ...names.map(name => cell(run, name))))))));
}

export function drawSettings(root, store) {
    const runs = store.shown.filter(run => run.info.settings);
    root.hidden = runs.length === 0;
    const told = JSON.stringify(runs.map(run => [run.name, run.info.settings]));
    if (root.hidden || told === root.told) {
        return;
    }
    root.told = told;
    const text = value => value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    const keys = [...new Set(runs.flatMap(run => Object.keys(run.info.settings)))];
    const differs = key => new Set(runs.map(run => text(run.info.settings[key]))).size > 1;
    keys.sort((a, b) => differs(b) - differs(a));
    root.replaceChildren(element("details", {open: root.querySelector("details")?.open ?? false},
        element("summary", {}, element("h2", {}, "Settings")),
        element("div", {class: "wide panel"}, element("table", {class: "words"},
            element("thead", {}, element("tr", {}, element("th", {}, "setting"), ...runs.map(run => element("th", {}, run.name)))),
            element("tbody", {}, ...keys.map(key => element("tr", {class: differs(key) ? "differs" : null},
                element("td", {}, key), ...runs.map(run => element("td", {}, text(run.info.settings[key]))))))))));
}
