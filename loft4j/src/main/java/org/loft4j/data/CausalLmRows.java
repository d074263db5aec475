package org.loft4j.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.DataException;

/** Turns rows into the tokens of a language model; {@link Dataset#causalLm} states the rules. */
final class CausalLmRows {
    private final Tokenizer tokenizer;
    private final int maxLength;
    private final List<int[]> ids = new ArrayList<>();
    private final List<int[]> loss = new ArrayList<>();
    private final TruncationCount cuts = new TruncationCount();
    private final @Nullable ChatFormat format;
    private final int together;
    private long altered;
    // of the row whose examples are being added
    private int added;
    private int lost;
    private boolean cut;

    /**
     * @param format how conversations are written; null where there are none
     * @param together how many rows, one behind the other, are answers to one prompt: they see the same of it, and count as one where
     *     cuts are counted
     */
    CausalLmRows(Tokenizer tokenizer, int maxLength, @Nullable ChatFormat format, int together) {
        tokenizer.requireRoom(maxLength);
        Checks.atLeast("max_length", maxLength, 2);
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        this.format = format;
        this.together = together;
    }

    void add(List<? extends Row> rows) throws DataException {
        List<Row> all = new ArrayList<>();
        for (Row row : rows) {
            all.add(asConversation(row));
        }
        List<TokenizedText> texts = tokenizer.tokenizeContinued(
                all.stream().map(CausalLmRows::given).toList());
        List<int[]> completions = tokenizer.tokenizeContent(
                all.stream().map(CausalLmRows::completion).toList());
        List<Chat> chats = chats(all);
        for (int i = 0; i < texts.size(); i++) {
            Origin origin = all.get(i).origin();
            if (all.get(i) instanceof Conversation) {
                addChat(chats.get(i));
            } else if (!(all.get(i) instanceof PromptCompletion)) {
                addText(texts.get(i), origin);
            } else if (i % together == 0) {
                addPrompted(texts.get(i), completions.subList(i, i + together), origin);
            }
        }
    }

    private Row asConversation(Row row) throws DataException {
        if (row instanceof TaggedWords) {
            throw row.origin()
                    .fault("holds words with tags, which a language model does not learn: train a classifier of words"
                            + " (--task token-classification)");
        }
        if (row instanceof MultiLabelText) {
            throw row.origin()
                    .fault(
                            "holds a text with a list of labels, which a language model does not learn: train a classifier"
                                    + " (--problem-type multi_label_classification)");
        }
        if (row instanceof TextPair || (row instanceof LabeledText labeled && labeled.textPair() != null)) {
            throw row.origin()
                    .fault("holds a pair of texts, which a language model does not learn: train a classifier (--task"
                            + " sequence-classification), or name the column of one text (--text-column)");
        }
        if (row instanceof TextMatch) {
            throw row.origin()
                    .fault(
                            "holds texts that belong together, which a language model does not learn: sentence embeddings"
                                    + " do (--task sentence-embedding)");
        }
        if (row instanceof Preference) {
            throw row.origin()
                    .fault(
                            "holds two answers of which one is preferred, and a language model would learn both of them here:"
                                    + " PreferenceDataset compares them, as 'loft train' does");
        }
        if (row instanceof JudgedAnswer) {
            throw row.origin()
                    .fault("holds an answer that is judged, and a language model would learn it here, good or bad:"
                            + " JudgedDataset learns which it is, as 'loft train' does");
        }
        if (row instanceof RewardedPrompt) {
            throw row.origin()
                    .fault(
                            "holds a prompt whose answers a reward judges, of which none is given: PromptDataset has them made, as"
                                    + " 'loft train --reward' does; without --format reward, rows are recognised by their columns");
        }
        if (row instanceof Conversation && format == null) {
            throw row.origin()
                    .fault("holds messages, but the model has no chat template: name one (--chat-template FILE), or"
                            + " use a model that has one");
        } else if (row instanceof PromptCompletion prompted && format != null && format.wrapPrompts()) {
            return new Conversation(prompted.turns(), 0, Map.of(), row.origin());
        } else if (row instanceof PromptCompletion prompted) {
            prompted.alone();
        }
        return row;
    }

    /** The examples of a row, or why there are none. */
    private record Chat(
            List<ChatEncoder.Made> made, @Nullable DataException fault) {}

    /** Writes and tokenizes conversations, on all cores; empty for other rows. */
    private List<Chat> chats(List<Row> rows) {
        ChatFormat known = format;
        if (known == null || rows.stream().noneMatch(Conversation.class::isInstance)) {
            return List.of();
        }
        ChatEncoder encoder = new ChatEncoder(tokenizer, maxLength, known);
        return IntStream.range(0, rows.size() / together)
                .parallel()
                .mapToObj(i -> chats(rows.subList(i * together, (i + 1) * together), encoder))
                .flatMap(List::stream)
                .toList();
    }

    private static List<Chat> chats(List<Row> rows, ChatEncoder encoder) {
        if (!(rows.get(0) instanceof Conversation first)) {
            return Collections.nCopies(rows.size(), new Chat(List.of(), null));
        }
        try {
            if (rows.size() == 1) {
                return List.of(new Chat(encoder.encode(first), null));
            }
            List<Conversation> answers =
                    rows.stream().map(Conversation.class::cast).toList();
            return encoder.encodeAlike(answers).stream()
                    .map(made -> new Chat(List.of(made), null))
                    .toList();
        } catch (DataException e) {
            return Collections.nCopies(rows.size(), new Chat(List.of(), e));
        }
    }

    private void addChat(Chat chat) throws DataException {
        if (chat.fault() != null) {
            throw chat.fault();
        }
        int lostTokens = 0;
        boolean answerCut = false;
        for (ChatEncoder.Made made : chat.made()) {
            ids.add(made.ids());
            loss.add(made.loss());
            lostTokens += made.lost();
            answerCut |= made.answerCut();
            altered += made.altered();
        }
        count(lostTokens, answerCut);
    }

    private void count(int lostTokens, boolean answerCut) {
        lost += lostTokens;
        cut |= answerCut;
        if (++added == together) {
            cuts.add(lost, cut);
            added = 0;
            lost = 0;
            cut = false;
        }
    }

    private static String given(Row row) {
        if (row instanceof Conversation) {
            return "";
        }
        if (row instanceof LabeledText labeled) {
            return labeled.text();
        }
        return row instanceof PromptCompletion prompted ? prompted.prompt() : ((PlainText) row).text();
    }

    private static String completion(Row row) {
        return row instanceof PromptCompletion prompted ? prompted.completion() : "";
    }

    private void addText(TokenizedText tokens, Origin origin) throws DataException {
        int[] whole = concat(tokens.head(), tokens.content(), end(tokens, tokens.content()));
        int[] kept = Arrays.copyOf(whole, Math.min(whole.length, maxLength));
        if (kept.length < 2) {
            throw origin.fault("has fewer than two tokens: there is nothing to predict");
        }
        count(whole.length - kept.length, false);
        ids.add(kept);
        loss.add(new int[] {0, kept.length});
    }

    /** Answers to a prompt; what the longest of them leaves of it is what all of them see. */
    private void addPrompted(TokenizedText prompt, List<int[]> completions, Origin origin) throws DataException {
        int[] head = prompt.head();
        int[] question = prompt.content();
        int room = maxLength - head.length;
        int keptQuestion = question.length;
        List<int[]> answers = new ArrayList<>();
        for (int[] completion : completions) {
            if (question.length == 0 || completion.length == 0) {
                throw origin.fault(
                        "the tokenizer finds no tokens in the " + (question.length == 0 ? "prompt" : "completion"));
            }
            int[] answer = concat(completion, end(prompt, completion));
            answers.add(answer);
            keptQuestion = Math.min(keptQuestion, room - keptAnswer(answer, room));
        }
        int[] given = concat(head, Arrays.copyOfRange(question, question.length - keptQuestion, question.length));
        for (int[] answer : answers) {
            int kept = keptAnswer(answer, room);
            count(question.length - keptQuestion + answer.length - kept, kept < answer.length);
            ids.add(concat(given, Arrays.copyOf(answer, kept)));
            loss.add(new int[] {given.length, given.length + kept});
        }
    }

    /** One token of the prompt stays, if there is room for two. */
    private static int keptAnswer(int[] answer, int room) {
        return Math.min(answer.length, Math.max(1, room - 1));
    }

    /**
     * The end token; where the tokenizer names none, the special tokens that it puts behind a text. None where the content ends with
     * it, blanks aside, as that of data made for one model does.
     */
    private int[] end(TokenizedText text, int[] content) {
        int[] end = tokenizer.eosId().isPresent()
                ? new int[] {Math.toIntExact(tokenizer.eosId().getAsLong())}
                : text.tail();
        return end.length > 0 && lastFilled(content) == end[end.length - 1] ? new int[0] : end;
    }

    /** The last token that is more than blanks: a template may put a line end behind the end of a turn. -1 if there is none. */
    private int lastFilled(int[] content) {
        int last = content.length - 1;
        while (last >= 0 && tokenizer.decode(new long[] {content[last]}, false).isBlank()) {
            last--;
        }
        return last < 0 ? -1 : content[last];
    }

    private static int[] concat(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    int[][] ids() {
        return ids.toArray(int[][]::new);
    }

    int[][] loss() {
        return loss.toArray(int[][]::new);
    }

    @Nullable
    ChatFormat format() {
        return format;
    }

    /** Answers that the chat template does not write as they were given, or asked for. */
    long altered() {
        return altered;
    }

    Truncations truncations() {
        return cuts.total();
    }
}
