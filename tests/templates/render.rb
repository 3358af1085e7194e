# Renders what an installer fetches, for one host.
#
#   ruby render.rb OUTPUT REPOSITORY HOST.json [DOCUMENTS]
#
# The host: name, token (absent: not in build mode), os, major, dhcp (absent: no subnet), parameters. Each document of
# DOCUMENTS (default: tests/templates/documents) goes to OUTPUT; what is warned of, on standard error.

require 'fileutils'
require_relative 'foreman'

output, repository, file, documents = ARGV
host = JSON.parse(File.read(file))
documents ||= File.join(repository, 'tests/templates/documents')
templates = Foreman::Templates.new(File.join(repository, 'integrations/templates'), documents)
FileUtils.mkdir_p(output)
subnet = host.key?('dhcp') ? Foreman.subnet(dhcp: host['dhcp']) : nil
machine = Foreman.host(name: host.fetch('name'), token: host['token'], os: host.fetch('os', 'RedHat'),
                       major: host.fetch('major', '9'), subnet: subnet)
templates.each do |name, (path, _)|
  next unless path.start_with?(documents)

  scope = Foreman::Scope.new(templates, name, machine, host.fetch('parameters', {}))
  File.write(File.join(output, File.basename(path, '.erb')), scope.render)
  scope.warnings.each { |text| warn text }
end
