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

    List<Made> encode(Conversation row) throws DataException {
        List<Made> all = new ArrayList<>();
        for (ChatExamples.Example example : examples.of(row)) {
            all.addAll(encode(row, example));
        }
        return all;
    }

    private List<Made> encode(Conversation row, ChatExamples.Example whole) throws DataException {
        ChatTokens tokens = tokenizer.tokenizeWithPlaces(whole.text());
        int before = tokens.ids().length;
        ChatExamples.Example example = whole;
        int most = before <= maxLength ? 0 : ChatExamples.exchanges(whole);
        if (most > 0) {
            example = examples.without(row, whole, tooMany(row, whole, most));
            tokens = tokenizer.tokenizeWithPlaces(example.text());
        }
        int[] loss = loss(tokens, example.spans());
        if (loss.length == 0 || loss[loss.length - 1] < 2) {
            throw row.origin().fault("the tokenizer finds no tokens in the answer");
        }
        return cut(tokens.ids(), loss, before, whole.altered());
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

    private static int[] loss(ChatTokens tokens, List<Rendered.Span> spans) {
        List<Integer> bounds = new ArrayList<>();
        for (Rendered.Span span : spans) {
            int start = tokens.from(span.start());
            int end = tokens.to(span.end());
            if (start < end) {
                bounds.add(start);
                bounds.add(end);
            }
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
            // what comes behind an answer is nothing that it needs
            made.add(end(Arrays.copyOf(ids, loss[next - 1]), Arrays.copyOfRange(loss, first, next), covered));
            first = next;
        }
        Made one = made.get(0);
        made.set(0, new Made(one.ids(), one.loss(), before - covered.cardinality(), one.answerCut(), altered));
        return made;
    }

    /**
     * What ends with an answer loses tokens of the prompt, from its beginning; only then the end of the answer.
     *
     * @param covered takes the places of those that are left
     */
    private Made end(int[] ids, int[] loss, BitSet covered) {
        if (ids.length <= maxLength) {
            covered.set(0, ids.length);
            return new Made(ids, loss, 0, false, 0);
        }
        boolean begins =
                tokenizer.bosId().isPresent() && ids[0] == tokenizer.bosId().getAsLong() && loss[0] > 0;
        int head = begins ? 1 : 0;
        int answer = ids.length - loss[0];
        int keptAnswer = Math.min(answer, Math.max(1, maxLength - head - 1));
        int keptPrompt = Math.max(0, Math.min(loss[0] - head, maxLength - head - keptAnswer));
        int dropped = loss[0] - head - keptPrompt;
        int[] kept = new int[Math.min(maxLength, head + keptPrompt + keptAnswer)];
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
