package org.loft4j.data;

/**
 * The text around an instruction that the Alpaca models were trained with, <a
 * href="https://github.com/tatsu-lab/stanford_alpaca#data-release">as published</a>; the line end behind the last heading is that
 * of the column {@code text} in {@code tatsu-lab/alpaca}. It is a format: each character of it counts.
 */
final class AlpacaPrompt {
    private AlpacaPrompt() {}

    /** @param input what the instruction is about; blank for nothing */
    static String of(String instruction, String input) {
        boolean alone = input.isBlank();
        return "Below is an instruction that describes a task"
                + (alone ? ". " : ", paired with an input that provides further context. ")
                + "Write a response that appropriately completes the request.\n\n"
                + "### Instruction:\n" + instruction + "\n\n"
                + (alone ? "" : "### Input:\n" + input + "\n\n")
                + "### Response:\n";
    }

    /** The same for a chat template, which has marks of its own. */
    static String turn(String instruction, String input) {
        return input.isBlank() ? instruction : instruction + "\n\n" + input;
    }
}
