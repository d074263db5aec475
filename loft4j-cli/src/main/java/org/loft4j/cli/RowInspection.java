package org.loft4j.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Dataset;
import org.loft4j.data.Encoded;
import org.loft4j.data.JudgedAnswer;
import org.loft4j.data.Preference;
import org.loft4j.data.Row;
import org.loft4j.data.TextMatch;
import org.loft4j.data.Tokenizer;
import org.loft4j.data.Truncations;

/**
 * A row as the model sees it.
 *
 * @param number counted from 1
 * @param line of the file on which it begins
 * @param examples what it is made into; a conversation may be several
 * @param unwritten those of whom the chat template leaves out what they say, such as system
 * @param cut what did not fit
 */
record RowInspection(int number, long line, List<Example> examples, SortedSet<String> unwritten, Truncations cut) {
    /**
     * A token.
     *
     * @param text what it adds to the text; empty for all but the last of the tokens that make up one character
     * @param loss whether the loss is taken on it
     */
    record Token(long id, String text, boolean loss) {}

    /** What texts that belong together are of their row, by their class. */
    private static final List<String> ROLES = List.of("anchor", "positive", "negative");

    /**
     * An example.
     *
     * @param label the class of a classifier's row, or the number of a regression's; empty for a language model
     * @param labels of a row that may have several; null for all else
     * @param answer which of the two of a preference it is, chosen or rejected; good or bad where it is judged by itself; what it is of texts that belong together, {@link #ROLES};
     *     empty for all else
     */
    record Example(
            List<Token> tokens, String label, @Nullable List<String> labels, String answer) {
        /** Whether it is learnt as a whole, beside others. */
        boolean isCompared() {
            return !answer.isEmpty() && learnt() == 0;
        }

        long learnt() {
            return tokens.stream().filter(Token::loss).count();
        }
    }

    /** Makes a dataset of one row. */
    interface Encoder {
        Dataset encode(Row row) throws IOException;
    }

    /** @param chat how conversations are written; null where there are none */
    static RowInspection of(
            int number, Row row, Encoder encoder, @Nullable ChatFormat chat, Tokenizer tokenizer, List<String> labels)
            throws IOException {
        Dataset dataset = encoder.encode(row);
        List<Example> examples = new ArrayList<>();
        for (int i = 0; i < dataset.size(); i++) {
            Encoded encoded = dataset.get(i);
            boolean ranked = dataset.isRegression() && (row instanceof TextMatch || row instanceof Preference);
            String role = "";
            if (row instanceof TextMatch) {
                // the anchor stands in each of the pairs that are ranked
                role = ROLES.get(ranked ? Math.min(i + 1, ROLES.size() - 1) : (int) encoded.labels()[0]);
            }
            String label = ranked || !role.isEmpty()
                    ? ""
                    : dataset.isRegression()
                            ? Float.toString(dataset.score(i))
                            : dataset.isClassification() ? labels.get((int) encoded.labels()[0]) : "";
            List<String> several = dataset.isMultiLabel() ? labels(dataset, i, labels) : null;
            boolean classifier = ranked || several != null || !label.isEmpty() || !role.isEmpty();
            String answer = row instanceof Preference
                    ? (i == 0 ? "chosen" : "rejected")
                    : row instanceof JudgedAnswer judged ? (judged.good() ? "good" : "bad") : role;
            examples.add(new Example(tokens(encoded, classifier, tokenizer), label, several, answer));
        }
        SortedSet<String> unwritten = chat == null ? Collections.emptySortedSet() : chat.unwritten(row);
        return new RowInspection(number, row.origin().line(), examples, unwritten, dataset.truncations());
    }

    private static List<String> labels(Dataset dataset, int index, List<String> names) {
        float[] has = Objects.requireNonNull(dataset.batch(new int[] {index}, 0).scores());
        return IntStream.range(0, has.length)
                .filter(k -> has[k] == 1)
                .mapToObj(names::get)
                .toList();
    }

    private static List<Token> tokens(Encoded encoded, boolean classifier, Tokenizer tokenizer) {
        List<Token> tokens = new ArrayList<>();
        int from = 0;
        String known = "";
        for (int i = 0; i < encoded.ids().length; i++) {
            // the predecessors of a token decide whether a blank stands before it, so some of them are decoded along
            String text = tokenizer.decode(java.util.Arrays.copyOfRange(encoded.ids(), from, i + 1), false);
            boolean whole = !text.endsWith("\uFFFD") || i + 1 == encoded.ids().length;
            String added = whole && text.length() > known.length() ? text.substring(known.length()) : "";
            // the first token of a row is never predicted
            boolean loss = !classifier && i > 0 && encoded.labels()[i] != Encoded.NO_LOSS;
            tokens.add(new Token(encoded.ids()[i], added, loss));
            if (whole) {
                from = i;
                known = tokenizer.decode(new long[] {encoded.ids()[i]}, false);
                if (!text.endsWith(known)) {
                    from = Math.max(0, i - 1);
                    known = tokenizer.decode(java.util.Arrays.copyOfRange(encoded.ids(), from, i + 1), false);
                }
            }
        }
        return tokens;
    }

    Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("row", number);
        tree.put("line", line);
        tree.put("tokens_cut", cut.tokens());
        tree.put("answer_cut", cut.completions() > 0);
        tree.put("left_out_by_template", unwritten);
        List<Map<String, Object>> all = new ArrayList<>();
        for (Example example : examples) {
            Map<String, Object> one = new LinkedHashMap<>();
            if (!example.answer().isEmpty()) {
                one.put(example.isCompared() ? "role" : "answer", example.answer());
            }
            one.put("length", example.tokens().size());
            one.put("loss_tokens", example.learnt());
            if (!example.label().isEmpty()) {
                one.put("label", example.label());
            }
            if (example.labels() != null) {
                one.put("labels", example.labels());
            }
            StringBuilder text = new StringBuilder();
            List<Map<String, Object>> tokens = new ArrayList<>();
            for (Token token : example.tokens()) {
                text.append(token.text());
                Map<String, Object> entry = new LinkedHashMap<>();
                entry.put("id", token.id());
                entry.put("text", token.text());
                entry.put("loss", token.loss());
                tokens.add(entry);
            }
            one.put("text", text.toString());
            one.put("tokens", tokens);
            all.add(one);
        }
        tree.put("examples", all);
        return tree;
    }

    /**
     * The row for people.
     *
     * @param colour whether the loss is shown in colour; in square brackets otherwise
     */
    String text(boolean colour) {
        StringBuilder made = new StringBuilder("row " + number + (line > 0 ? ", line " + line : "") + ": ");
        if (examples.size() > 1 && examples.get(0).answer().isEmpty()) {
            made.append(examples.size())
                    .append(
                            " examples, as the template writes earlier answers otherwise, or as they do not fit into one; ");
        }
        if (!unwritten.isEmpty()) {
            made.append("the chat template leaves out what the ")
                    .append(String.join(" and the ", unwritten))
                    .append(" says; ");
        }
        made.append(
                cut.tokens() == 0
                        ? "nothing cut"
                        : Quantities.of(cut.tokens(), "token") + " cut"
                                + (cut.completions() > 0 ? ", the end of an answer among them" : ""));
        for (Example example : examples) {
            made.append('\n')
                    .append(example.answer())
                    .append(example.answer().isEmpty() ? "" : ": ")
                    .append(example.tokens().size())
                    .append(" tokens");
            List<String> labels = example.labels();
            made.append(
                    labels != null
                            ? ", " + (labels.isEmpty() ? "no label" : "labels " + String.join(", ", labels))
                            : example.isCompared()
                                    ? ""
                                    : example.label().isEmpty()
                                            ? ", loss on " + example.learnt()
                                            : ", label " + example.label());
            made.append('\n');
            boolean shade = false;
            for (Token token : example.tokens()) {
                made.append(colour ? coloured(token, shade) : plain(token));
                shade = token.text().isEmpty() == shade;
            }
            made.append('\n');
        }
        return made.toString();
    }

    private static String visible(String text) {
        StringBuilder made = new StringBuilder();
        text.codePoints().forEach(c -> {
            if (c == '\n') {
                made.append("↵\n");
            } else if (c == '\t') {
                made.append('→');
            } else if (Character.isISOControl(c)) {
                made.append(String.format("\\x%02x", c));
            } else {
                made.appendCodePoint(c);
            }
        });
        return made.toString();
    }

    private static String plain(Token token) {
        return token.loss() ? "[" + visible(token.text()) + "]" : visible(token.text()) + "|";
    }

    /** Learnt tokens are green, others grey; every other token is brighter, so that they can be told apart. */
    private static String coloured(Token token, boolean shade) {
        String code = token.loss() ? (shade ? "\u001b[4;92m" : "\u001b[4;32m") : shade ? "\u001b[37m" : "\u001b[90m";
        // a colour that goes past the end of a line runs into what pagers and terminals put there
        return code + visible(token.text()).replace("\n", "\u001b[0m\n" + code) + "\u001b[0m";
    }
}
