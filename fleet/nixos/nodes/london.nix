# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "london";
    pushTokenFile = "/etc/clavitor/environment";
    region = "eu-west-2";
    subdomain = "london";
    tunnelAddress = "10.84.0.16";
  };
}
