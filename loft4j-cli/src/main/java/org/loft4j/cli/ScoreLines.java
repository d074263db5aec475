package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.AskedTexts.Asked;

/** Prints the numbers that a model of one output gives texts. */
record ScoreLines(PrintWriter out) {
    /** @param json null where lines are printed: the number, the text and the second text of a pair */
    void print(List<Asked> asked, List<Double> scores, @Nullable JsonElements json) throws IOException {
        for (int i = 0; i < asked.size(); i++) {
            if (json == null) {
                out.println(text(scores.get(i)) + ClassLines.fields("text", asked.get(i)));
            } else {
                Map<String, Object> tree = ClassLines.tree("text", asked.get(i));
                tree.put("score", scores.get(i));
                json.add(tree);
            }
        }
    }

    /** With four decimals, or as many digits where these would say little of a small number. */
    static String text(double score) {
        boolean small = score != 0 && Math.abs(score) < 0.1;
        return String.format(Locale.ROOT, small ? "%.4g" : "%.4f", score);
    }
}
