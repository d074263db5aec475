package org.loft4j.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.function.Supplier;
import org.loft4j.io.HubEnvironment;

/** What one call printed, and its exit status. */
record Captured(int status, String out, String err) {
    static Captured loft(String... args) {
        return loft(HubEnvironment::ofUser, args);
    }

    /** The same, with named models from there and not from the user's cache. */
    static Captured loft(Supplier<HubEnvironment> hub, String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int status = Loft.run(hub, new PrintWriter(out), new PrintWriter(err), args);
        return new Captured(status, out.toString(), err.toString());
    }
}
