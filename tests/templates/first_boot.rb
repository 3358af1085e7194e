# The snippet of the first boot and its installer have one function; this says whether they are the same.
#
#   ruby first_boot.rb REPOSITORY [--write]

repository, write = ARGV
installer = File.join(repository, 'integrations/first_boot/install.sh')
snippet = File.join(repository, 'integrations/templates/snippets/milepost_first_boot.erb')
function = File.read(installer)[/^milepost_first_boot\(\) \(\n.*^\)\n(?=\ncase )/m] or abort "#{installer} has no function"
inside = /^milepost_first_boot\(\) \(\n.*^\)\n(?=milepost_first_boot )/m
text = File.read(snippet)
abort "#{snippet} has no function" unless text.match?(inside)
wanted = text.sub(inside) { function }
if write
  File.write(snippet, wanted)
elsif text != wanted
  abort "#{snippet} differs from #{installer}: ruby tests/templates/first_boot.rb . --write makes them the same"
end
