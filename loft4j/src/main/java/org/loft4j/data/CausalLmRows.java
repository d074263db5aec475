package org.loft4j.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.loft4j.DataException;

/** Turns rows into the tokens of a language model; {@link Dataset#causalLm} states the rules. */
final class CausalLmRows {
    private final Tokenizer tokenizer;
    private final int maxLength;
    private final List<int[]> ids = new ArrayList<>();
    private final List<Integer> lossFrom = new ArrayList<>();
    private final TruncationCount cuts = new TruncationCount();

    CausalLmRows(Tokenizer tokenizer, int maxLength) {
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
    }

    void add(List<? extends Row> rows) throws DataException {
        List<TokenizedText> texts =
                tokenizer.tokenize(rows.stream().map(CausalLmRows::given).toList());
        List<int[]> completions = tokenizer.tokenizeContent(
                rows.stream().map(CausalLmRows::completion).toList());
        for (int i = 0; i < texts.size(); i++) {
            Origin origin = rows.get(i).origin();
            if (rows.get(i) instanceof PromptCompletion) {
                addPrompted(texts.get(i), completions.get(i), origin);
            } else {
                addText(texts.get(i), origin);
            }
        }
    }

    private static String given(Row row) {
        if (row instanceof LabeledText labeled) {
            return labeled.text();
        }
        return row instanceof PromptCompletion prompted ? prompted.prompt() : ((PlainText) row).text();
    }

    private static String completion(Row row) {
        return row instanceof PromptCompletion prompted ? prompted.completion() : "";
    }

    private void addText(TokenizedText tokens, Origin origin) throws DataException {
        int[] whole = concat(tokens.head(), tokens.content(), end(tokens));
        int[] kept = Arrays.copyOf(whole, Math.min(whole.length, maxLength));
        if (kept.length < 2) {
            throw origin.fault("has fewer than two tokens: there is nothing to predict");
        }
        cuts.add(whole.length - kept.length, false);
        ids.add(kept);
        lossFrom.add(0);
    }

    private void addPrompted(TokenizedText prompt, int[] completion, Origin origin) throws DataException {
        int[] head = prompt.head();
        int[] question = prompt.content();
        if (question.length == 0 || completion.length == 0) {
            throw origin.fault(
                    "the tokenizer finds no tokens in the " + (question.length == 0 ? "prompt" : "completion"));
        }
        int[] answer = concat(completion, end(prompt));
        int room = maxLength - head.length;
        int keptAnswer = Math.min(answer.length, Math.max(1, room - 1));
        int keptQuestion = Math.min(question.length, room - keptAnswer);
        int lost = question.length - keptQuestion + answer.length - keptAnswer;
        cuts.add(lost, keptAnswer < answer.length);
        ids.add(concat(
                head,
                Arrays.copyOfRange(question, question.length - keptQuestion, question.length),
                Arrays.copyOf(answer, keptAnswer)));
        lossFrom.add(head.length + keptQuestion);
    }

    /** The end token; where the tokenizer names none, the special tokens that it puts behind a text. */
    private int[] end(TokenizedText text) {
        return tokenizer.eosId().isPresent()
                ? new int[] {Math.toIntExact(tokenizer.eosId().getAsLong())}
                : text.tail();
    }

    private static int[] concat(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    int[][] ids() {
        return ids.toArray(int[][]::new);
    }

    int[] lossFrom() {
        return lossFrom.stream().mapToInt(i -> i).toArray();
    }

    Truncations truncations() {
        return cuts.total();
    }
}
