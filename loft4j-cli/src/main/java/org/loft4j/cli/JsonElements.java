package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import org.loft4j.io.Json;

/** A JSON array that is printed as its elements come, a line each: what is done stands there whatever becomes of the rest. */
final class JsonElements {
    private final PrintWriter out;
    private final String before;
    private final String behind;
    private boolean begun;

    /**
     * @param before what stands before the elements, ending with the bracket that opens the array
     * @param behind what stands behind them, beginning with the bracket that closes it
     */
    JsonElements(PrintWriter out, String before, String behind) {
        this.out = out;
        this.before = before;
        this.behind = behind;
    }

    void add(Object element) throws IOException {
        out.print(begun ? ",\n" : before + "\n");
        out.print(Json.text(element));
        begun = true;
    }

    void end() {
        out.println(begun ? "\n" + behind : before + behind);
    }
}
