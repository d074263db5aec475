package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.infer.TokenClassifier;

/** Prints what a model says of words: a word a line, with a blank line between two texts, as the CoNLL tasks have it. */
final class WordLines {
    private final PrintWriter out;
    private boolean printed;
    private long leftOut;
    private long textsWithThem;

    WordLines(PrintWriter out) {
        this.out = out;
    }

    /** @param json null where lines are printed: the label, its probability and the word */
    void print(List<Asked> asked, List<List<TokenClassifier.Word>> judged, @Nullable JsonElements json)
            throws IOException {
        for (int i = 0; i < judged.size(); i++) {
            int missing = asked.get(i).asWords().size() - judged.get(i).size();
            leftOut += missing;
            textsWithThem += missing > 0 ? 1 : 0;
            if (json != null) {
                Map<String, Object> tree = new LinkedHashMap<>();
                tree.put("text", asked.get(i).text());
                tree.put("words", judged.get(i));
                json.add(tree);
                continue;
            }
            out.print(printed ? "\n" : "");
            printed = true;
            judged.get(i)
                    .forEach(word -> out.println(PredictCommand.field(word.label()) + "\t"
                            + String.format(Locale.ROOT, "%.3f", word.probability()) + "\t"
                            + PredictCommand.field(word.word())));
        }
    }

    /** Whoever sets the lines beside tags of their own must know that some are missing. */
    void tellOfWordsLeftOut(int maxLength, PrintWriter err) {
        if (leftOut > 0) {
            err.println("loft: " + Quantities.of(leftOut, "word") + " of " + Quantities.of(textsWithThem, "text")
                    + (leftOut == 1 ? " is" : " are") + " left out, which lie beyond " + maxLength
                    + " tokens (--max-length) or have none");
            err.flush();
        }
    }
}
