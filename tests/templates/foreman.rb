# As much of Foreman as renders a template: the macros that ours call, and hosts that answer only what safe mode lets a
# template ask.

require 'erb'
require 'json'
require_relative 'safe_mode'

module Foreman
  # An object as a template sees it: whatever it was not given, safe mode would refuse.
  class Jail
    def initialize(values)
      @values = values
    end

    def method_missing(name, *arguments)
      return @values.fetch(name) if @values.key?(name) && arguments.empty?

      raise SafeMode::Violation, "a template asks a #{@values[:kind]} for #{name}"
    end

    def respond_to_missing?(name, _private = false)
      @values.key?(name)
    end

    def to_s
      @values[:name].to_s
    end
  end

  # What the jails of Foreman's classes list, of which ours use these.
  JAILED = %i[token value operatingsystem name major subnet dhcp_boot_mode?].freeze

  # The templates that Foreman would have in its database, by the name in the comment that they begin with.
  class Templates
    HEADER = /\A<%#\n(.*?)-?%>\n/m

    def initialize(*places)
      @by_name = places.flat_map { |place| Dir[File.join(place, '**', '*.erb')].sort }.to_h do |path|
        text = File.read(path)
        name = Templates.header(path, text).fetch('name')
        [name, [path, text]]
      end
    end

    def self.header(path, text)
      require 'yaml'
      YAML.safe_load(text[HEADER, 1] || raise("#{path} does not begin with a comment for Foreman"))
    end

    def find(name)
      @by_name[name]
    end

    def each(&block)
      @by_name.each(&block)
    end
  end

  # Renders one template; a snippet gets a scope of its own with the variables of its caller, as in Foreman.
  class Scope
    attr_reader :warnings

    def initialize(templates, name, host, parameters, variables = {}, warnings = [])
      @parts = [templates, parameters, variables, warnings]
      @host = host
      @template_name = name
      @warnings = warnings
      variables.each { |key, value| instance_variable_set("@#{key}", value) }
    end

    def render
      path, text = @parts[0].find(@template_name)
      raise "The specified snippet '#{@template_name}' does not exist" unless path

      code = ERB.new(text, trim_mode: '-').src
      SafeMode.check(code, path, JAILED)
      instance_eval(code, path)
    end

    def snippet(name, options = {}, variables: {})
      templates, parameters, own, warnings = @parts
      return nil if options[:silent] && templates.find(name).nil?

      all = own.merge(variables).merge(options[:variables] || {})
      Scope.new(templates, name, @host, parameters, all, warnings).render
    end

    def snippet_if_exists(name, options = {})
      snippet(name, { silent: true }, variables: options[:variables] || {})
    end

    def host_param(name, default = nil)
      @parts[1].fetch(name, default)
    end

    def host_param_true?(name)
      host_param(name).to_s == 'true'
    end

    def indent(count, skip1: false, skip_content: nil)
      lines = yield.to_s.each_line.with_index.map do |line, at|
        (at.zero? && skip1) || (skip_content && line.chomp == skip_content) ? line : "#{' ' * count}#{line}"
      end
      lines.join
    end

    def template_name
      @template_name
    end

    # Without a token it names no host, as in a preview.
    def foreman_url(action = 'provision')
      token = @host.token.nil? ? '' : "?token=#{@host.token.value}"
      "http://foreman.example.com/unattended/#{action}#{token}"
    end

    def foreman_server_ca_cert
      "-----BEGIN CERTIFICATE-----\nMIIB+/ab=\n-----END CERTIFICATE-----\n"
    end

    def to_json(value = nil)
      JSON.generate(value)
    end

    def preview?
      @host.token.nil?
    end

    def log_warn(text)
      @warnings << text
    end
  end

  # A host in build mode, or not: then it has no token.
  def self.host(name:, token:, os: 'RedHat', major: '9', subnet: nil)
    system = Jail.new(kind: 'operating system', name: os, major: major)
    token = token && Jail.new(kind: 'token', value: token, name: token)
    Jail.new(kind: 'host', name: name, token: token, operatingsystem: system, subnet: subnet)
  end

  def self.subnet(dhcp:)
    Jail.new(kind: 'subnet', name: 'subnet', dhcp_boot_mode?: dhcp)
  end
end
