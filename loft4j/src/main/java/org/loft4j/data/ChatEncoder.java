package org.loft4j.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.loft4j.DataException;
import org.loft4j.data.jinja.Rendered;

/** Turns conversations into tokens; {@link Dataset#causalLm} states the rules. */
final class ChatEncoder {
    private final Tokenizer tokenizer;
    private final int maxLength;
    private final ChatExamples examples;

    ChatEncoder(Tokenizer tokenizer, int maxLength, ChatFormat format) {
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        var end = format.template().endOfTurn(tokenizer);
        this.examples = new ChatExamples(
                format, end.isPresent() ? tokenizer.decode(new long[] {end.getAsLong()}, false) : null);
    }

    /**
     * One example.
     *
     * @param ids its tokens
     * @param loss {@code start, end, start, end …} of the tokens that are learnt
     * @param lost tokens of the row that no example of it holds, told with the first of them
     * @param answerCut whether the end of an answer is among them
     * @param altered answers that the template does not write as they were given, or asked for; told with the first too
     */
    record Made(int[] ids, int[] loss, int lost, boolean answerCut, int altered) {}

    /** A text in tokens. */
    private record Written(ChatExamples.Example example, ChatTokens tokens) {}

    List<Made> encode(Conversation row) throws DataException {
        List<Made> all = new ArrayList<>();
        for (ChatExamples.Example example : examples.of(row)) {
            Written whole = written(example);
            Written left = without(row, whole, tooMany(row, whole));
            int[] loss = loss(row, left.tokens(), left.example().spans());
            all.addAll(cut(left.tokens().ids(), loss, whole.tokens().ids().length, example.altered()));
        }
        return all;
    }

    /**
     * Answers to one prompt, each in an example of its own. What the longest of them leaves of the prompt is what all of them see.
     *
     * @param rows of the same given turns, with one turn of the assistant behind them
     */
    List<Made> encodeAlike(List<Conversation> rows) throws DataException {
        List<Written> wholes = new ArrayList<>();
        int oldest = 0;
        for (Conversation row : rows) {
            Written whole = written(examples.of(row).get(0));
            wholes.add(whole);
            oldest = Math.max(oldest, tooMany(row, whole));
        }
        List<Written> left = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            left.add(without(rows.get(i), wholes.get(i), oldest));
        }
        List<int[]> losses = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            losses.add(loss(
                    rows.get(i), left.get(i).tokens(), left.get(i).example().spans()));
        }
        int prompt = commonPrompt(left, losses, rows.get(0).origin());
        int dropped = 0;
        for (int i = 0; i < rows.size(); i++) {
            int[] loss = losses.get(i);
            loss[0] = prompt;
            dropped = Math.max(dropped, dropped(upToEnd(left.get(i).tokens().ids(), loss), loss));
        }
        List<Made> all = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            int[] ids = left.get(i).tokens().ids();
            int[] loss = losses.get(i);
            BitSet covered = new BitSet(ids.length);
            Made made = end(dropped == 0 && ids.length <= maxLength ? ids : upToEnd(ids, loss), loss, dropped, covered);
            Written whole = wholes.get(i);
            int lost = whole.tokens().ids().length - covered.cardinality();
            all.add(new Made(
                    made.ids(),
                    made.loss(),
                    lost,
                    made.answerCut(),
                    whole.example().altered()));
        }
        return all;
    }

    /**
     * How many tokens, the same in all, stand before the answers. Of what the template writes before one of them and not before
     * another, or a token has in common with one of them, the answers are made longer.
     *
     * @param losses where each answer is, in tokens
     */
    private static int commonPrompt(List<Written> answers, List<int[]> losses, Origin origin) throws DataException {
        int from = answers.stream()
                .mapToInt(answer -> answer.example().spans().get(0).start())
                .min()
                .orElseThrow();
        String text = answers.get(0).example().text().substring(0, from);
        if (!answers.stream().allMatch(answer -> answer.example().text().startsWith(text))) {
            throw origin.fault(
                    "the chat template does not write the same before both answers: answers are compared only"
                            + " where all before them is the same");
        }
        int[] first = answers.get(0).tokens().ids();
        int common = losses.stream().mapToInt(loss -> loss[0]).min().orElseThrow();
        for (Written answer : answers) {
            int other = Arrays.mismatch(first, 0, common, answer.tokens().ids(), 0, common);
            common = other < 0 ? common : other;
        }
        return common;
    }

    private Written written(ChatExamples.Example example) {
        return new Written(example, tokenizer.tokenizeWithPlaces(example.text()));
    }

    private Written without(Conversation row, Written whole, int oldest) throws DataException {
        return oldest == 0 ? whole : written(examples.without(row, whole.example(), oldest));
    }

    private int tooMany(Conversation row, Written whole) throws DataException {
        int most = whole.tokens().ids().length <= maxLength ? 0 : ChatExamples.exchanges(whole.example());
        return most == 0 ? 0 : tooMany(row, whole.example(), most);
    }

    /**
     * How many of the oldest exchanges must go so that the others fit; {@code most} where even the last one does not. Of a long
     * conversation few are left, and what is not looked at need not be tokenized: the search begins at its end.
     */
    private int tooMany(Conversation row, ChatExamples.Example whole, int most) throws DataException {
        int enough = most;
        int step = 1;
        while (step < enough && fits(row, whole, enough - step)) {
            enough -= step;
            step *= 2;
        }
        int least = Math.max(1, enough - step + 1);
        while (least < enough) {
            int middle = (least + enough) >>> 1;
            if (fits(row, whole, middle)) {
                enough = middle;
            } else {
                least = middle + 1;
            }
        }
        return enough;
    }

    private boolean fits(Conversation row, ChatExamples.Example whole, int without) throws DataException {
        return tokenizer.encode(examples.textWithout(row, whole, without), false).length <= maxLength;
    }

    private static int[] loss(Conversation row, ChatTokens tokens, List<Rendered.Span> spans) throws DataException {
        List<Integer> bounds = new ArrayList<>();
        for (Rendered.Span span : spans) {
            int start = tokens.from(span.start());
            int end = tokens.to(span.end());
            if (start < end) {
                bounds.add(start);
                bounds.add(end);
            }
        }
        if (bounds.isEmpty() || bounds.get(bounds.size() - 1) < 2) {
            throw row.origin().fault("the tokenizer finds no tokens in the answer");
        }
        return bounds.stream().mapToInt(bound -> bound).toArray();
    }

    /**
     * What is still too long is one exchange, as a rule. Its answers that end within the greatest length share an example, with their
     * whole prompt; of the others those do that lie within half of it from each other, so that half is left for the prompt of the
     * first.
     */
    private List<Made> cut(int[] ids, int[] loss, int before, int altered) {
        if (ids.length <= maxLength) {
            return List.of(new Made(ids, loss, before - ids.length, false, altered));
        }
        List<Made> made = new ArrayList<>();
        BitSet covered = new BitSet(ids.length);
        int first = 0;
        while (first < loss.length) {
            boolean whole = loss[first + 1] <= maxLength;
            int next = first + 2;
            while (next < loss.length
                    && (whole ? loss[next + 1] <= maxLength : loss[next + 1] - loss[first] <= maxLength / 2)) {
                next += 2;
            }
            int[] some = Arrays.copyOfRange(loss, first, next);
            int[] upTo = upToEnd(ids, some);
            made.add(end(upTo, some, dropped(upTo, some), covered));
            first = next;
        }
        Made one = made.get(0);
        made.set(0, new Made(one.ids(), one.loss(), before - covered.cardinality(), one.answerCut(), altered));
        return made;
    }

    /** Without what comes behind the last answer, which is nothing that it needs. */
    private static int[] upToEnd(int[] ids, int[] loss) {
        return Arrays.copyOf(ids, loss[loss.length - 1]);
    }

    /** How many tokens at the beginning are never dropped. */
    private int head(int[] ids, int[] loss) {
        boolean begins =
                tokenizer.bosId().isPresent() && ids[0] == tokenizer.bosId().getAsLong() && loss[0] > 0;
        return begins ? 1 : 0;
    }

    /** How many tokens of the answers there is room for. */
    private int keptAnswer(int[] ids, int[] loss) {
        return Math.min(ids.length - loss[0], Math.max(1, maxLength - head(ids, loss) - 1));
    }

    /** How many tokens of the prompt there is no room for before an answer that ends the ids. */
    private int dropped(int[] ids, int[] loss) {
        int prompt = loss[0] - head(ids, loss);
        int room = Math.max(0, maxLength - head(ids, loss) - keptAnswer(ids, loss));
        return Math.max(0, prompt - room);
    }

    /**
     * What ends with an answer loses tokens of the prompt, from its beginning; only then the end of the answer.
     *
     * @param dropped how many of the prompt: {@link #dropped}, or more
     * @param covered takes the places of those that are left
     */
    private Made end(int[] ids, int[] loss, int dropped, BitSet covered) {
        if (dropped == 0 && ids.length <= maxLength) {
            covered.set(0, ids.length);
            return new Made(ids, loss, 0, false, 0);
        }
        int head = head(ids, loss);
        int[] kept = new int[Math.min(maxLength, loss[0] - dropped + keptAnswer(ids, loss))];
        System.arraycopy(ids, 0, kept, 0, head);
        System.arraycopy(ids, head + dropped, kept, head, kept.length - head);
        covered.set(0, head);
        covered.set(head + dropped, dropped + kept.length);
        int[] bounds = Arrays.stream(loss)
                .map(bound -> Math.min(kept.length, bound - dropped))
                .toArray();
        boolean answerCut = loss[loss.length - 1] - dropped > kept.length;
        return new Made(kept, nonEmpty(bounds), 0, answerCut, 0);
    }

    private static int[] nonEmpty(int[] bounds) {
        List<Integer> kept = new ArrayList<>();
        for (int i = 0; i < bounds.length; i += 2) {
            if (bounds[i] < bounds[i + 1]) {
                kept.add(bounds[i]);
                kept.add(bounds[i + 1]);
            }
        }
        return kept.stream().mapToInt(bound -> bound).toArray();
    }
}
