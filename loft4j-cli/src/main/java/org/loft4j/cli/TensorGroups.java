package org.loft4j.cli;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.loft4j.tensor.Shapes;

/** Tensors that differ in the number of their layer alone, as one line: {@code model.layers.{0..5}.mlp.up_proj.weight}. */
final class TensorGroups {
    private static final Pattern NUMBER = Pattern.compile("(?<=^|\\.)\\d{1,6}(?=\\.|$)");

    private TensorGroups() {}

    /**
     * @param name with the numbers of its layers
     * @param count tensors of the group
     */
    record Group(String name, String dtype, String shape, int count, long elements) {}

    static List<Group> of(Collection<StoredTensor> tensors) {
        Map<List<String>, List<StoredTensor>> alike = new LinkedHashMap<>();
        for (StoredTensor tensor : tensors) {
            String pattern = NUMBER.matcher(tensor.name()).replaceAll("#");
            alike.computeIfAbsent(
                            List.of(pattern, tensor.type(), Shapes.text(tensor.shape())), key -> new ArrayList<>())
                    .add(tensor);
        }
        List<Group> groups = new ArrayList<>();
        alike.forEach((key, members) -> groups.add(new Group(
                name(members),
                key.get(1),
                key.get(2),
                members.size(),
                members.stream().mapToLong(StoredTensor::elements).sum())));
        return groups;
    }

    private static String name(List<StoredTensor> members) {
        List<TreeSet<Integer>> numbers = new ArrayList<>();
        for (StoredTensor member : members) {
            Matcher matcher = NUMBER.matcher(member.name());
            for (int i = 0; matcher.find(); i++) {
                if (i == numbers.size()) {
                    numbers.add(new TreeSet<>());
                }
                numbers.get(i).add(Integer.parseInt(matcher.group()));
            }
        }
        StringBuilder name = new StringBuilder();
        Matcher matcher = NUMBER.matcher(members.get(0).name());
        for (int i = 0; matcher.find(); i++) {
            matcher.appendReplacement(name, Matcher.quoteReplacement(range(numbers.get(i))));
        }
        return matcher.appendTail(name).toString();
    }

    private static String range(TreeSet<Integer> numbers) {
        if (numbers.size() == 1) {
            return numbers.first().toString();
        }
        if (numbers.last() - numbers.first() == numbers.size() - 1) {
            return "{" + numbers.first() + ".." + numbers.last() + "}";
        }
        return "{" + String.join(",", numbers.stream().map(String::valueOf).toList()) + "}";
    }
}
