package org.loft4j.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A program that judges answers, well or badly. */
final class RewardProgram {
    private RewardProgram() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        if (arguments[0].equals("stays")) {
            Path asked = Path.of(arguments[1]);
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                try {
                    Files.writeString(asked, "asked to end");
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }));
        }
        int judged = 0;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String completion = line.replaceAll(".*\"completion\":\"(([^\"\\\\]|\\\\.)*)\".*", "$1");
            boolean now = ++judged > 20;
            switch (now ? arguments[0] : "well") {
                case "dies" -> {
                    System.err.println("the judge is " + arguments[1]);
                    System.exit(3);
                }
                case "junk" -> System.out.println("seven");
                case "hangs" -> Thread.sleep(60_000);
                case "twice" -> System.out.println("1\n1");
                case "nan" -> System.out.println("NaN");
                default ->
                    System.out.println(completion.chars().filter(c -> c == 'e').count());
            }
        }
        if (arguments[0].equals("stays")) {
            Thread.sleep(60_000);
        }
    }
}
