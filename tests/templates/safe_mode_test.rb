# The imitation of safe mode refuses what safe mode refuses, and lets through what templates need.

require 'erb'
require_relative 'foreman'

REFUSED = [
  '<%= @host.token&.value %>',
  '<%= File.read("/etc/passwd") %>',
  '<%= `id` %>',
  '<%= system("id") %>',
  '<% @host = 1 %>',
  '<% $x = 1 %>',
  '<%= %w[a].map(&:upcase) %>',
  '<%= begin; 1; rescue StandardError; 2; end %>',
  '<%= "a" =~ /b/ %>',
  '<%= "a".instance_eval { 1 } %>',
  '<%= @host.destroy %>',
  '<% x = "b" %><%= "a".match(/#{x}/) %>',
  '<% def x; end %>'
].freeze
ALLOWED = [
  '<% url = snippet("milepost").to_s.strip -%><% unless url.empty? -%><%= url %><% end -%>',
  '<%= @host.token.nil? ? "" : @host.token.value.to_s %>',
  '<% (@steps || []).each do |step| -%><%= step %><% end -%>',
  '<%= "x".match(/\Ahttps?:/) ? 1 : 2 %>'
].freeze

def refused?(text)
  SafeMode.check(ERB.new(text, trim_mode: '-').src, 'a template', Foreman::JAILED)
  false
rescue SafeMode::Violation
  true
end

wrong = REFUSED.reject { |text| refused?(text) } + ALLOWED.select { |text| refused?(text) }
host = Foreman.host(name: 'web1.example.com', token: nil)
begin
  host.root_pass
  wrong << 'a method that a host was not given'
rescue SafeMode::Violation
  # As it should be.
end
abort "safe mode judges these wrongly:\n#{wrong.join("\n")}" unless wrong.empty?
