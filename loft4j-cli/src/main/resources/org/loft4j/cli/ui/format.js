/** Numbers as a person reads them. */

/** Four figures, without an exponent where that is short. */
export function number(value) {
    if (value === null || value === undefined || Number.isNaN(value)) {
        return "–";
    }
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
        return value.toExponential(2).replace("e+", "e");
    }
    if (size >= 1000) {
        return Math.round(value).toLocaleString("en");
    }
    return String(Number(value.toPrecision(4)));
}

/** The numbers beside an axis: small ones all with an exponent, and not only those that are smallest. */
export function ticks(values) {
    const small = values.every(value => Math.abs(value ?? 0) < 1e-2);
    return values.map(value => value === null ? ""
        : small && value !== 0 ? Number(value.toPrecision(3)).toExponential() : number(value));
}

export function bytes(value) {
    if (value === null || value === undefined || Number.isNaN(value)) {
        return "–";
    }
    return value >= 1e9 ? (value / 1e9).toFixed(value >= 1e10 ? 1 : 2) + " GB" : Math.round(value / 1e6) + " MB";
}

/** Bytes beside an axis: as many digits as tell one from the next. */
export function byteTicks(values) {
    const known = values.filter(value => value !== null);
    const [unit, size] = Math.max(...known) >= 1e9 ? ["GB", 1e9] : ["MB", 1e6];
    const apart = known.length > 1 ? (known[1] - known[0]) / size : 1;
    const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(apart) - 1e-9)));
    return values.map(value => value === null ? "" : (value / size).toFixed(digits) + " " + unit);
}

export function duration(seconds) {
    if (!Number.isFinite(seconds)) {
        return "–";
    }
    const whole = Math.round(seconds);
    const two = part => String(part).padStart(2, "0");
    if (whole < 3600) {
        return Math.floor(whole / 60) + ":" + two(whole % 60);
    }
    const hours = Math.floor(whole / 3600);
    return hours < 48
        ? hours + ":" + two(Math.floor(whole / 60) % 60) + ":" + two(whole % 60)
        : (hours / 24).toFixed(1) + " days";
}

/** An element with attributes and children; text is never read as HTML. */
export function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (key.startsWith("on")) {
            made.addEventListener(key.slice(2), value);
        } else if (key === "style") {
            Object.assign(made.style, value);
        } else if (value !== false && value !== null && value !== undefined) {
            made.setAttribute(key, value === true ? "" : value);
        }
    }
    made.append(...children.filter(child => child !== null && child !== undefined));
    return made;
}

/** The colours of the scheme that is in force. */
export function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}
